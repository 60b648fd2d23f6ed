"""The README says what works: its shell blocks are run, its files exist."""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from served import MODELS, free_port

from deploy.server import Server
from deploy.smoke import ask
from deploy.summary import draw
from digitkit.pictures.codec import encode_png
from training.data import mnist

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", README, re.M | re.S)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line]


def commands_with(word: str) -> list[str]:
    return [command for command in COMMANDS if command.startswith(word)]


@pytest.mark.parametrize("command", commands_with("make"))
def test_every_make_command_is_one_that_make_knows(command: str) -> None:
    dry = subprocess.run(
        ["bash", "-c", command.replace("make", "make --dry-run", 1)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert dry.returncode == 0, dry.stderr


def test_every_folder_in_the_table_exists() -> None:
    named = re.findall(r"^\| `([a-z_.]+/?)` \|", README, re.M)
    assert len(named) >= 7
    for name in named:
        assert (ROOT / name).exists()


@pytest.mark.server
@pytest.mark.parametrize("command", commands_with("curl"))
def test_every_curl_line_gets_the_answer_of_a_digit(command: str, server: Server, tmp_path: Path, mnist_test: mnist.Split) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "sample.png").write_bytes(encode_png(mnist_test.pictures[0]))
    shutil.copy(ROOT / "README.md", tmp_path)
    pasted = command.replace("http://127.0.0.1:8080", server.inference)
    environment = os.environ | {"TOKEN": server.token()}
    answered = subprocess.run(["bash", "-c", pasted], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    if "/ping" in command:
        assert json.loads(answered.stdout)["status"] == "Healthy"
    elif "text/plain" in command:
        assert answered.stdout == "7"
    elif "-F" in command:
        first, second = json.loads(answered.stdout)
        assert first["digit"] == 7
        assert second["type"] == "UnreadablePicture"
    else:
        assert json.loads(answered.stdout)["digit"] == 7


@pytest.mark.server
def test_the_plain_torchserve_command_serves_the_store(store: Path, tmp_path: Path, mnist_test: mnist.Split) -> None:
    (command,) = commands_with("torchserve")
    folder = tmp_path / str(free_port())
    server = Server(int(folder.name), store, tmp_path)
    (folder / "tmp").mkdir(parents=True)
    server.command()  # writes config.properties, alike but for the ports, and the files that it names
    (folder / "model_store").symlink_to(store)
    environment = server.environment()
    subprocess.run(["bash", "-c", command], cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
    try:
        deadline = time.monotonic() + 60
        while not all(server.is_ready(model) for model in MODELS):
            assert time.monotonic() < deadline, "the models did not get ready"
            time.sleep(0.2)
        answer = ask(server, "digits_onnx", encode_png(mnist_test.pictures[0]))
        assert answer["digit"] == 7
        assert "digits_worker_starts_total" in httpx.get(f"{server.metrics}/metrics").text
        assert "WorkerLifeCycle - result=" not in (folder / "logs" / "ts_log.log").read_text()
    finally:
        subprocess.run(["torchserve", "--stop", "--foreground"], cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)


def test_properties_have_no_trailing_comments() -> None:
    lines = [line for line in (ROOT / "config.properties").read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"\w+=\S+", line) for line in lines)


def test_a_canvas_is_drawn_as_text_with_its_ink_dark(mnist_test: mnist.Split) -> None:
    lines = draw(mnist_test.pictures[0]).splitlines()
    assert [len(line) for line in lines] == [14] * 14
    assert lines[0].strip() == ""
    assert "@" in "".join(lines)
