"""The lock files, which `make lock` writes: exact versions, each with the sha256 of every file that may be installed for it."""

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements.txt"  # of everything
# For a machine that serves both models, and for one that serves only `digits_onnx`.
SERVING = (ROOT / "requirements-serve.txt", ROOT / "requirements-serve-onnx.txt")
ENTRY = re.compile(
    r"^(?P<name>[\w.-]+)(?:\[[\w,-]+\])?==(?P<version>[^\s;\\]+)(?: ; (?P<marker>[^\\\n]+))?(?P<hashes>.*(?:\n +--hash=.*)*)$", re.M
)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pin:
    """One locked package.

    Attributes:
        name: in the form in which packages are compared, lower case with hyphens.
        text: its lines in the lock file.
    """

    name: str
    version: str
    hashes: frozenset[str]
    text: str


def read_lock(path: Path) -> dict[str, Pin]:
    """The pins of a lock file for this Python, by name; raises OSError if it cannot be read.

    A lock may have two versions of a package, each with a marker that says for which Python it is.
    """
    return {
        name: Pin(name, entry["version"], frozenset(HASH.findall(entry["hashes"])), entry[0])
        for entry in ENTRY.finditer(path.read_text())
        for name in [comparable(entry["name"])]
        if entry["marker"] is None or Marker(entry["marker"]).evaluate()
    }


def comparable(name: str) -> str:
    """The name of a package in its normal form, which is the same for all spellings."""
    return re.sub(r"[-_.]+", "-", name).lower()
