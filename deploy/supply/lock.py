"""The lock files, which `make lock` writes: exact versions, with the sha256 of every file that may be installed for one."""

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements.txt"  # of everything
# Of a machine that serves both models, and of one that serves `digits_onnx` alone.
SERVING = (ROOT / "requirements-serve.txt", ROOT / "requirements-serve-onnx.txt")
ENTRY = re.compile(
    r"^(?P<name>[\w.-]+)(?:\[[\w,-]+\])?==(?P<version>[^\s;\\]+)(?: ; (?P<marker>[^\\\n]+))?(?P<hashes>.*(?:\n +--hash=.*)*)$", re.M
)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pin:
    """One locked package.

    Attributes:
        name: as packages are compared by, in small letters with hyphens.
        text: its lines in the lock file.
    """

    name: str
    version: str
    hashes: frozenset[str]
    text: str


def read_lock(path: Path) -> dict[str, Pin]:
    """The pins of a lock file for this Python by their names; raises OSError where it cannot be read.

    A lock may have two versions of a package for different Pythons, each with a marker that says for which.
    """
    return {
        name: Pin(name, entry["version"], frozenset(HASH.findall(entry["hashes"])), entry[0])
        for entry in ENTRY.finditer(path.read_text())
        for name in [comparable(entry["name"])]
        if entry["marker"] is None or Marker(entry["marker"]).evaluate()
    }


def comparable(name: str) -> str:
    """The name of a package in the form in which two spellings of it are equal."""
    return re.sub(r"[-_.]+", "-", name).lower()
