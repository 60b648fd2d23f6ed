"""Build the server's image: `python -m deploy.image --target onnx`. With Docker, or with buildah where there is no Docker daemon.

The packages are downloaded here, by the machine's own settings for its index, and checked against the lock: the build needs no index of
Python's, and another build of the same commit has the same packages.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.errors import ServerError
from deploy.model_list import ROOT, STORE

LOCKS = {"onnx": "requirements-serve-onnx.txt", "torch": "requirements-serve.txt"}  # of each target of the Dockerfile
MODELS = {"onnx": ("digits_onnx",), "torch": ("digits", "digits_onnx")}
WHEELS = Path("build", "image")
BASE = "debian:bookworm-slim"
# Without a daemon, and without the rights that containers of its own would need.
BUILDAH_VARIABLES = {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}


def download(target: str) -> None:
    """Put the wheels of a target into build/image, each by its hash in the lock."""
    folder = WHEELS / f"wheels-{target}"
    shutil.rmtree(ROOT / folder, ignore_errors=True)
    flags = ["--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:", "--requirement", LOCKS[target], "--dest", str(folder)]
    run([sys.executable, "-m", "pip", "download", *flags])


def build(target: str, tag: str, base: str) -> None:
    """Build a target of the Dockerfile; raises ServerError if that fails, or if there is nothing to build it with."""
    for model in MODELS[target]:
        if not (ROOT / STORE / f"{model}.mar").is_file():
            raise ServerError(f"{STORE}/{model}.mar is missing; make export builds it")
    flags = ["--file", "deploy/Dockerfile", "--target", target, "--build-arg", f"BASE={base}", "--tag", tag, "."]
    run([*engine(), *flags])


def engine() -> list[str]:
    """The command that builds images here."""
    docker = shutil.which("docker")
    if docker and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0:
        return [docker, "build"]
    if buildah := shutil.which("buildah"):
        return [buildah, "build", "--format", "docker"]  # its own format has no health check
    raise ServerError("neither a Docker daemon nor buildah is here; Debian has the latter in the package buildah")


def run(command: list[str]) -> None:
    environment = BUILDAH_VARIABLES | os.environ
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
        raise ServerError(f"`{Path(command[0]).name} {command[1]} …` failed; see the lines above")


def main() -> None:
    parser = argparse.ArgumentParser(prog="deploy.image", description=__doc__)
    parser.add_argument("--target", choices=LOCKS, default="onnx", help="onnx has no torch")
    parser.add_argument("--tag", default="", help="of the image (default: digits:TARGET)")
    parser.add_argument("--base", default=BASE, help="an image of Debian 12")
    flags = parser.parse_args()
    try:
        download(flags.target)
        build(flags.target, flags.tag or f"digits:{flags.target}", flags.base)
    except ServerError as err:
        sys.exit(f"{parser.prog}: {err}")


if __name__ == "__main__":
    main()
