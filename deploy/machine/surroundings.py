"""What a server finds in its environment: Java, this Python, a folder of its own, and the key by which archives must be signed."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.errors import ServerError
from deploy.machine.java import find_java
from digitkit.artifacts.seal import PUBLIC_KEY

KEY = Path(__file__).resolve().parents[2] / "keys" / "signing.pub"
# They would override the archive's code, the settings, and what is asked of signatures.
LEFT_OUT = ("PYTHONPATH", "TS_CONFIG_FILE", PUBLIC_KEY)


def find_public_key() -> Path | None:
    """The key that archives must be signed by: of the file that DIGITS_PUBLIC_KEY names, or of keys/; None if there is neither.

    Raises:
        ServerError: the file that is named does not exist.
    """
    named = os.environ.get(PUBLIC_KEY, "")
    path = Path(named).resolve() if named else KEY
    if named and not path.is_file():
        raise ServerError(f"{PUBLIC_KEY} names {path}, and there is no such file")
    return path if path.is_file() else None


def surroundings(folder: Path, public_key: Path | None, variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of a server with this folder: that of this process, with Java and this Python first.

    Args:
        public_key: by which each worker is to check its archive.
        variables: are added, or replace others.
    """
    temporary = str(folder / "tmp")
    kept = {key: value for key, value in os.environ.items() if key not in LEFT_OUT}
    return {
        **kept,
        "LC_ALL": "C.UTF-8",  # under the locale C, Java cannot open files with letters beyond ASCII in their paths
        "JAVA_HOME": str(find_java()),
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
        "TMPDIR": temporary,
        "TEMP": temporary,
        "LOG_LOCATION": str(folder / "logs"),
        "METRICS_LOCATION": str(folder / "logs"),
        **({PUBLIC_KEY: str(public_key)} if public_key else {}),
        **variables,
    }
