"""Write bills of materials as CycloneDX 1.6: `python -m deploy.supply.sbom` makes one of the environment and one of each archive.

The one of the environment lists every installed package, and below TorchServe the Java libraries of its jar. What a server needs is
"required"; what the console and the client need beside it is "optional"; what only training, tests and measurements need is "excluded".
The one of an archive lists every file in it with its sha256.
"""

import argparse
import hashlib
import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, version
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from deploy.supply.installed import OWN, needed_by, packages
from deploy.supply.jar import frontend_jar, libraries
from deploy.supply.lock import ROOT, SERVING, read_lock

BESIDE = ("digits[console]", "digits-client[cli,grpc]")  # what runs beside a server, and on the machines of those who ask it
STORE, OUT = ROOT / "model_store", ROOT / "build" / "sbom"
LONGEST_LICENSE_NAME = 100  # some packages give the whole text instead
WEIGHTS = (".pt", ".onnx")


def main() -> None:
    parser = argparse.ArgumentParser(prog="deploy.supply.sbom", description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="the folder that they are written to")
    parser.add_argument("--store", type=Path, default=STORE, help="the folder with the archives")
    flags = parser.parse_args()
    flags.out.mkdir(parents=True, exist_ok=True)
    write(environment(), flags.out / "environment.cdx.json")
    for path in sorted(flags.store.glob("*.mar")):
        write(archive(path), flags.out / f"{path.name}.cdx.json")


def write(bom: Bom, path: Path) -> None:
    path.write_text(make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2) + "\n")
    print(f"{path}: {len(bom.components)} components")


def environment() -> Bom:
    """Every package that is installed here; raises JarError if TorchServe is not installed."""
    serving, _ = SERVING
    scopes = dict.fromkeys(needed_by(BESIDE), ComponentScope.OPTIONAL) | dict.fromkeys(read_lock(serving), ComponentScope.REQUIRED)
    about = Component(
        name=OWN, version=version(OWN), type=ComponentType.APPLICATION, licenses=[LicenseFactory().make_from_string("Apache-2.0")]
    )
    return _bom(about, [_package(name, each, scopes.get(name, ComponentScope.EXCLUDED)) for name, each in packages().items()])


def archive(path: Path) -> Bom:
    """Every file of an archive."""
    about = Component(name=path.name, version=version(OWN), type=ComponentType.APPLICATION, hashes=[_sha256(path.read_bytes())])
    with zipfile.ZipFile(path) as packed:
        members = [name for name in packed.namelist() if not name.endswith("/")]
        return _bom(about, [_member(name, packed.read(name)) for name in members])


def _bom(about: Component, components: Iterable[Component]) -> Bom:
    bom = Bom(metadata=BomMetaData(component=about), components=components)
    bom.register_dependency(about, bom.components)
    return bom


def _package(name: str, package: Distribution, scope: ComponentScope) -> Component:
    licenses = LicenseFactory()
    url = PackageURL("pypi", name=name, version=package.version)
    return Component(
        name=name,
        version=package.version,
        purl=url,
        bom_ref=str(url),
        scope=scope,
        licenses=[licenses.make_from_string(text) for text in _licenses(package)],
        components=_jar() if name == "torchserve" else [],
    )


def _licenses(package: Distribution) -> list[str]:
    """The licence that the package states: an expression, otherwise a name, otherwise its classifiers."""
    told = [text for field in ("License-Expression", "License") for text in package.metadata.get_all(field) or []]
    short = [text for text in told if "\n" not in text and 0 < len(text) <= LONGEST_LICENSE_NAME]
    classifiers = [each.rpartition(" :: ")[2] for each in package.metadata.get_all("Classifier") or [] if each.startswith("License :: ")]
    return short[:1] or classifiers


def _jar() -> list[Component]:
    """The Java libraries; a version is left out if the jar does not tell it."""
    return [
        Component(group=each.group, name=each.name, version=each.version or None, purl=url, bom_ref=str(url))
        for each in libraries(frontend_jar())
        for url in [PackageURL("maven", namespace=each.group, name=each.name, version=each.version or None)]
    ]


def _member(name: str, content: bytes) -> Component:
    kind = ComponentType.MACHINE_LEARNING_MODEL if name.endswith(WEIGHTS) else ComponentType.FILE
    return Component(name=name, type=kind, bom_ref=name, hashes=[_sha256(content)])


def _sha256(content: bytes) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(content).hexdigest())


if __name__ == "__main__":
    main()
