"""The Java libraries in TorchServe's jar, which is many jars in one file; each library tells its version in its own way."""

import re
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

# Group and name in Maven's repository, the file that tells the version, and the text before it. The first three files are notes by
# the libraries' authors, the others classes with the version as a text. All modules of Netty, Log4j and gRPC have one version.
VERSIONED = (
    ("io.netty", "netty-all", "META-INF/io.netty.versions.properties", rb"^netty-common\.version="),
    ("org.apache.logging.log4j", "log4j-core", "META-INF/DEPENDENCIES", rb"org\.apache\.logging\.log4j:log4j-core:jar:"),
    ("org.codehaus.groovy", "groovy-all", "META-INF/groovy-release-info.properties", rb"^ImplementationVersion="),
    ("io.grpc", "grpc-core", "io/grpc/internal/GrpcUtil.class", rb""),
    ("com.google.code.gson", "gson", "com/google/gson/internal/GsonBuildConfig.class", rb""),
)
VERSION = rb"(\d+\.\d+\.\d+[\w.]*)"
# Libraries that do not tell their versions, by the folder of their classes. Everything else in the jar belongs to Groovy.
UNVERSIONED = (
    ("com.google.guava", "guava", "com/google/common/"),
    ("com.google.protobuf", "protobuf-java", "com/google/protobuf/"),
    ("com.lmax", "disruptor", "com/lmax/disruptor/"),
    ("commons-cli", "commons-cli", "org/apache/commons/cli/"),
    ("commons-io", "commons-io", "org/apache/commons/io/"),
    ("io.grpc", "grpc-netty-shaded", "io/grpc/netty/shaded/"),
    ("io.prometheus", "simpleclient", "io/prometheus/client/"),
    ("org.apache.commons", "commons-compress", "org/apache/commons/compress/"),
    ("org.slf4j", "slf4j-api", "org/slf4j/"),
    ("org.yaml", "snakeyaml", "org/yaml/snakeyaml/"),
)


@dataclass(frozen=True, slots=True, order=True)
class Library:
    """A library by its group and name in Maven's repository; the version is empty if the jar does not tell it."""

    group: str
    name: str
    version: str


class JarError(Exception):
    """TorchServe's jar is missing or cannot be read."""


def frontend_jar() -> Path:
    """The jar of the installed TorchServe; raises JarError."""
    spec = find_spec("ts")
    if spec is None or spec.origin is None:
        raise JarError("torchserve is not installed; make setup installs it")
    return Path(spec.origin).parent / "frontend" / "model-server.jar"


def libraries(path: Path) -> list[Library]:
    """The libraries in a jar; raises JarError if it is not a jar, or if a library's version is not where it should be."""
    try:
        with zipfile.ZipFile(path) as jar:
            names = jar.namelist()
            versioned = [Library(group, name, _version(jar.read(place), before)) for group, name, place, before in VERSIONED]
    except (OSError, LookupError, zipfile.BadZipFile) as err:
        raise JarError(f"{path} is not the jar of TorchServe 0.12.0: {err}; make setup installs it again") from err
    others = [Library(group, name, "") for group, name, folder in UNVERSIONED if any(each.startswith(folder) for each in names)]
    return sorted([*versioned, *others])


def _version(content: bytes, before: bytes) -> str:
    found = re.search(before + VERSION, content, re.M)
    if found is None:
        raise LookupError(f"no version after {before.decode()}")
    return found[1].decode()
