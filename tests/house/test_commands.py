"""The commands of deploy: what they tell of a server that ended, of a folder that cannot work, of tokens that are off."""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import server
from deploy.errors import ServerError
from deploy.machine.checkout import check_folder
from deploy.machine.console import cause
from deploy.settings import config
from deploy.settings.config import Config, to_port

ROOT = Path(__file__).resolve().parents[2]

# What TorchServe 0.12 printed, frames of stacks and most records left out.
DUMP = "2026-11-29T11:33:17,199 [INFO ] main org.pytorch.serve.util.ConfigManager - \nTorchserve version: 0.12.0\nModel config: N/A\n"
STOPPED = "2026-11-29T11:33:20,226 [INFO ] main org.pytorch.serve.ModelServer - Torchserve stopped.\n"
NO_BIND = """java.io.IOException: Failed to bind to address: http://1.2.3.4:18320
\tat org.pytorch.serve.ModelServer.initializeServer(ModelServer.java:351)
Caused by: io.netty.channel.unix.Errors$NativeIoException: bind(..) failed: Cannot assign requested address
\t... 3 more
"""
NO_ADDRESS = """Invalid configuration: Invalid binding address: http://[::1]:1
Exception in thread "Thread-0" java.lang.NullPointerException: Cannot invoke "SnapshotManager.saveShutdownSnapshot()"
\tat org.pytorch.serve.ModelServer.stop(ModelServer.java:530)
"""
NO_MEMORY = """Warning: TorchServe is using non-default JVM parameters: -Xmx1
Error occurred during initialization of VM
Too small maximum heap
"""
WORKER = "2026-11-29T11:33:17,199 [WARN ] W-9000-digits_1.0 org.pytorch.serve.wlm.WorkerThread - Backend worker error\n"


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (DUMP + STOPPED + 'Invalid configuration: For input string: "abc"\n', ['Invalid configuration: For input string: "abc"']),
        (DUMP + STOPPED + NO_BIND, [NO_BIND.splitlines()[0], NO_BIND.splitlines()[2]]),
        (DUMP + STOPPED + NO_ADDRESS, [NO_ADDRESS.splitlines()[0]]),
        (NO_MEMORY, NO_MEMORY.splitlines()[1:]),
        (
            "TorchServe is already running, please use torchserve --stop.\n",
            ["TorchServe is already running, please use torchserve --stop."],
        ),
        (DUMP + WORKER, WORKER.splitlines()),
        ("", []),
    ],
)
def test_the_cause_is_what_the_frontend_java_or_the_launcher_say_last(log: str, told: list[str]) -> None:
    assert cause(log) == told


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a:b", "has ':' in its path: Java's class path"),
        ("a,b", "has ',' in its path: Locust"),
        ("a\nb", "cannot be printed"),
        ("x" * 100, "bytes too long for the workers' sockets"),
    ],
)
def test_a_folder_that_java_or_torchserve_cannot_take_is_refused(name: str, reason: str) -> None:
    with pytest.raises(ServerError, match=reason):
        check_folder(Path("/srv", name, "run", "8080"))


@pytest.mark.parametrize("name", ["digits", "döner kebab", "it's 100% (new) #1 & 数字"])
def test_other_folders_are_taken(name: str) -> None:
    check_folder(Path("/srv", name, "run", "8080"))


def test_the_set_up_refuses_such_a_folder_before_it_makes_anything(tmp_path: Path) -> None:
    odd = tmp_path / "a:b"
    (odd / "deploy").mkdir(parents=True)
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        (odd / name).symlink_to(ROOT / name)
    (odd / "client").symlink_to(ROOT / "client")
    (odd / "deploy" / "machine").mkdir()
    for name in ("__init__.py", "setup.py", "errors.py", "machine/__init__.py", "machine/checkout.py"):
        shutil.copy(ROOT / "deploy" / name, odd / "deploy" / name)
    made = subprocess.run(["make", "run", f"PYTHON={sys.executable}"], cwd=odd, env=os.environ, capture_output=True, text=True, check=False)
    assert made.returncode == 2
    assert "has ':' in its path" in made.stderr
    assert not (odd / ".venv").exists()


def test_the_token_command_says_that_none_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Config(tmp_path, {"disable_token_authorization": "true"})
    monkeypatch.setattr(server.Server, "settings", settings)
    monkeypatch.setattr(sys, "argv", ["deploy.server", "token"])
    server.main()
    assert capsys.readouterr() == ("", "no token is needed: config.properties has disable_token_authorization=true\n")


def test_without_a_port_that_of_the_settings_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "config.properties"
    own.write_text("inference_address=http://127.0.0.1:9090")
    monkeypatch.setattr(config, "CONFIG", own)
    assert (to_port(""), to_port("18080")) == (9090, 18_080)
    with pytest.raises(argparse.ArgumentTypeError, match="'x' is no number"):
        to_port("x")
    own.write_text("inference_adress=http://127.0.0.1:9090")
    with pytest.raises(SystemExit, match=r"did you mean inference_address\?"):
        to_port("")
