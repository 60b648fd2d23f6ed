"""Build the server's image: `python -m deploy.image --target onnx`. With Docker, or with buildah where there is no Docker daemon.

The packages are downloaded here, by the machine's own settings for its index, and checked against the lock: the build needs no index of
Python's, and another build of the same commit has the same packages. The archives of the models that are named go into it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deploy.errors import ServerError
from deploy.model_list import ROOT, STORE, choose, read_models

LOCKS = {"onnx": "requirements-serve-onnx.txt", "torch": "requirements-serve.txt"}  # of each target of the Dockerfile
MODELS = {"onnx": ("digits_onnx",), "torch": ("digits", "digits_onnx")}
STAGED = Path("build", "image")
OPENCV = "opencv-python-headless"
BASE = "debian:bookworm-slim"
# Without a daemon, and without the rights that containers of its own would need.
BUILDAH_VARIABLES = {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}


def download(target: str) -> None:
    """Put the wheels of a target into build/image, each by its hash in the lock; the source of what the image has a part of, too."""
    lock = (ROOT / LOCKS[target]).read_text(encoding="utf-8")
    fetch(lock, STAGED / f"wheels-{target}", "--only-binary=:all:")
    if target == "onnx":
        fetch(section(lock, OPENCV), STAGED / "sources", f"--no-binary={OPENCV}")


def fetch(requirements: str, folder: Path, form: str) -> None:
    """Download what requirements with hashes name into an empty folder."""
    shutil.rmtree(ROOT / folder, ignore_errors=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        flags = ["--quiet", "--no-deps", "--require-hashes", form, "--requirement", file.name, "--dest", str(folder)]
        run([sys.executable, "-m", "pip", "download", *flags])


def section(lock: str, package: str) -> str:
    """The lines of a lock that belong to a package: its version and its hashes."""
    lines = lock.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(f"{package}=="))
    last = next(number for number in range(first, len(lines)) if not lines[number].endswith("\\"))
    return "\n".join(lines[first : last + 1]) + "\n"


def collect(target: str, models: Sequence[str]) -> None:
    """Put the archives of the models into build/image.

    Raises:
        ServerError: one is not in models.toml, needs torch in an image that has none, or has not been built.
    """
    unserved = [model for model in choose(read_models(), models) if target == "onnx" and model.target != "onnx"]
    if unserved:
        raise ServerError(
            f"{', '.join(model.name for model in unserved)} would need torch, which this image has not; make image TARGET=torch has it"
        )
    folder = ROOT / STAGED / f"store-{target}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for model in models:
        if not (archive := ROOT / STORE / f"{model}.mar").is_file():
            raise ServerError(f"{STORE}/{model}.mar is missing; make export builds it")
        shutil.copy2(archive, folder)


def build(target: str, tag: str, base: str) -> None:
    """Build a target of the Dockerfile; raises ServerError if that fails, or if there is nothing to build it with."""
    flags = ["--file", "deploy/Dockerfile", "--target", target, "--build-arg", f"BASE={base}", "--tag", tag, "."]
    run([*engine(), *flags])


def engine() -> list[str]:
    """The command that builds images here."""
    docker = shutil.which("docker")
    if docker and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0:
        return [docker, "build"]
    if buildah := shutil.which("buildah"):
        return [buildah, "build", "--layers", "--format", "docker"]  # keeps what is compiled; its own format has no health check
    raise ServerError("neither a Docker daemon nor buildah is here; Debian has the latter in the package buildah")


def run(command: list[str]) -> None:
    environment = BUILDAH_VARIABLES | os.environ
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
        raise ServerError(f"`{Path(command[0]).name} {command[1]} …` failed; see the lines above")


def main() -> None:
    parser = argparse.ArgumentParser(prog="deploy.image", description=__doc__)
    parser.add_argument("--target", choices=LOCKS, default="onnx", help="onnx has no torch")
    parser.add_argument(
        "--models", type=lambda names: names.split(","), help="archives of model_store (default: digits_onnx, with torch digits too)"
    )
    parser.add_argument("--tag", default="", help="of the image (default: digits:TARGET)")
    parser.add_argument("--base", default=BASE, help="an image of Debian 12")
    flags = parser.parse_args()
    try:
        collect(flags.target, flags.models or MODELS[flags.target])
        download(flags.target)
        build(flags.target, flags.tag or f"digits:{flags.target}", flags.base)
    except ServerError as err:
        sys.exit(f"{parser.prog}: {err}")


if __name__ == "__main__":
    main()
