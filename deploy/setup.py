"""Make .venv from the hash-locked requirements.txt. The machine's own Python runs this: standard library only."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.errors import ServerError
from deploy.machine.checkout import check_folder

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
REQUIREMENTS = ROOT / "requirements.txt"
PYTHON = (3, 11)
DISK_BYTES = 8 * 10**9  # the environment takes 6.5 GB, the data and the build folders the rest
NETWORK_SIGNS = ("dns error", "failed to fetch", "connection", "timed out", "name resolution", "network is unreachable", "certificate")


class SetupError(Exception):
    """The environment cannot be made; the message says what to do."""


def main() -> None:
    try:
        check_machine()
        make_environment()
    except (SetupError, ServerError) as err:
        sys.exit(f"make setup: {err}")


def check_machine() -> None:
    if sys.version_info[:2] != PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        raise SetupError(f"Python 3.11 is needed, this is {found}; name another with `make setup PYTHON=/path/to/python3.11`")
    check_folder(ROOT / "run" / "65535")  # the folder of a server, with the longest possible port
    free = shutil.disk_usage(ROOT).free
    if not VENV.exists() and free < DISK_BYTES:
        raise SetupError(f"8 GB of disk are needed, {free / 1e9:.1f} GB are free in {ROOT}; make room and run it again")


def make_environment() -> None:
    if not (VENV / "bin" / "python").exists():
        say("making .venv")
        run([sys.executable, "-m", "venv", "--clear", VENV], hint="Debian and Ubuntu have it in the package python3.11-venv")
    uv = VENV / "bin" / "uv"
    if not uv.exists():
        say("installing uv into it")
        install_uv()
    say("installing the locked packages: about 3 GB to download the first time, half a minute to a few minutes")
    run([uv, "pip", "sync", "--require-hashes", "--quiet", REQUIREMENTS])
    run([uv, "pip", "install", "--no-deps", "--no-build-isolation", "--quiet", "--editable", ROOT, "--editable", ROOT / "client"])
    say("done")


def install_uv() -> None:
    """Install uv by its own lines of requirements.txt, with their hashes checked."""
    lines = re.search(r"^uv==.*?(?=^\S)", REQUIREMENTS.read_text() + "\nend", re.M | re.S)
    if lines is None:
        raise SetupError(f"{REQUIREMENTS} does not name uv; `make lock` writes it again")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(lines[0])
        file.flush()
        pip: list[str | Path] = [VENV / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
        run([*pip, "install", "--quiet", "--no-deps", "--require-hashes", "-r", file.name])


def run(command: "list[str | Path]", hint: str = "") -> None:
    """Run a command and show what it prints.

    Raises:
        SetupError: the command failed; the message names the likely cause.
    """
    index = {"UV_DEFAULT_INDEX": os.environ["PIP_INDEX_URL"]} if "PIP_INDEX_URL" in os.environ else {}
    environment = {**os.environ, **index, "VIRTUAL_ENV": str(VENV)}
    printed = []
    words = [str(part) for part in command]
    with subprocess.Popen(words, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        for line in process.stdout or []:
            print(line, end="", flush=True)
            printed.append(line)
    if process.returncode == 0:
        return
    text = "".join(printed).lower()
    if "no space left" in text or "disk quota" in text:
        hint = "the disk is full; make room (8 GB are needed) and run it again"
    elif any(sign in text for sign in NETWORK_SIGNS):
        hint = "the package index was not reached; check the network and the proxy, then run it again"
    raise SetupError(f"`{Path(command[0]).name} {command[1]} …` failed: {hint or 'see the lines above'}")


def say(text: str) -> None:
    print(f"setup: {text}", flush=True)


if __name__ == "__main__":
    main()
