"""Tesseract by its command, which is started anew for each picture: that is how it is called, and its time has the start in it."""

import os
import subprocess
import sys

from training.evaluate.lines.peers.answering import answer

COMMAND = "tesseract"
ONE_LINE = ("--psm", "7", "-c", "tessedit_char_whitelist=0123456789.,-/:")
ONE_CORE = {"OMP_THREAD_LIMIT": "1"}


def read(file: bytes) -> str:
    """What it reads in an encoded picture, nothing where it refuses it."""
    command = [COMMAND, "stdin", "stdout", *ONE_LINE]
    return subprocess.run(command, input=file, env=os.environ | ONE_CORE, capture_output=True, check=False).stdout.decode()


def installed_version() -> str:
    """As `tesseract 5.3.0`; ends the program with a sentence where there is none."""
    try:
        told = subprocess.run([COMMAND, "--version"], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        sys.exit(f"there is no command {COMMAND}; Debian's package is tesseract-ocr")
    return told.splitlines()[0]


if __name__ == "__main__":
    answer(installed_version(), read)
