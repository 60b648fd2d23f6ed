"""What was published before stays whole when its successor cannot be published, and a killed command says what to do."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from test_card import FACTS

from digitkit.artifacts import place
from digitkit.artifacts.card import CardError, check_card, write_card
from export.errors import ExportError
from export.packing import pack

FULL = OSError(28, "No space left on device")


def artifact(path: Path, content: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    write_card(path, **FACTS)
    return path


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def failing_at(step: int, real: Callable[[Path, Path], Any], *, written: int) -> Callable[[Path, Path], Any]:
    """`real`, but its call number `step`, counted from 0, finds the disk full when it has written so many bytes."""
    calls = iter(range(100))

    def fails(source: Path, target: Path) -> Any:
        if next(calls) == step:
            if written:
                target.write_bytes(source.read_bytes()[:written])
            raise FULL
        return real(source, target)

    return fails


@pytest.mark.parametrize("step", range(3))
def test_a_disk_that_fills_up_leaves_the_earlier_artifact_with_its_own_card(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier, staged = artifact(tmp_path / "store" / "digits.mar", b"earlier"), artifact(tmp_path / "staged" / "digits.mar", b"later")
    before = content_of(earlier.parent)
    monkeypatch.setattr(place.shutil, "copyfile", failing_at(step, place.shutil.copyfile, written=2))
    with pytest.raises(OSError, match="No space left"):
        place.place(staged, earlier)
    assert content_of(earlier.parent) == before
    check_card(earlier)


@pytest.mark.parametrize("step", range(2))
@pytest.mark.parametrize("is_first", [True, False])
def test_a_file_that_cannot_be_moved_leaves_what_was_there(
    step: int, is_first: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, staged = tmp_path / "store" / "digits.mar", artifact(tmp_path / "staged" / "digits.mar", b"later")
    target.parent.mkdir()
    if not is_first:
        artifact(target, b"earlier")
    before = content_of(target.parent)
    monkeypatch.setattr(Path, "replace", failing_at(step, Path.replace, written=0))
    with pytest.raises(OSError, match="No space left"):
        place.place(staged, target)
    assert content_of(target.parent) == before


def test_both_are_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    earlier, staged = artifact(tmp_path / "store" / "digits.mar", b"earlier"), artifact(tmp_path / "staged" / "digits.mar", b"later")
    place.place(staged, earlier)
    assert content_of(earlier.parent) == content_of(staged.parent)


KILLED = """
import os, signal, sys
from pathlib import Path
from digitkit.artifacts import place

moved = []

def replace(self, target):
    os.replace(self, target)
    moved.append(target)
    if len(moved) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

Path.replace = replace
place.place(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def killed_after(moves: int, staged: Path, target: Path) -> None:
    """Place an artifact in a process that is killed after so many of its two moves."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(staged), str(target), str(moves)], capture_output=True, check=False)
    assert done.returncode == -9, done.stderr


def test_a_kill_between_the_two_is_never_taken_for_a_whole_artifact_and_the_message_completes_it(tmp_path: Path) -> None:
    earlier, staged = artifact(tmp_path / "store" / "digits.mar", b"earlier"), artifact(tmp_path / "staged" / "digits.mar", b"later")
    killed_after(1, staged, earlier)
    with pytest.raises(CardError, match=r"was being replaced when the command was killed; this completes it: mv ") as caught:
        check_card(earlier)
    subprocess.run(str(caught.value).partition("this completes it: ")[2], shell=True, check=True)
    assert check_card(earlier) == check_card(staged)


@pytest.mark.parametrize("moves", [1, 2])
def test_the_same_command_again_heals_what_a_kill_left(moves: int, tmp_path: Path) -> None:
    earlier, staged = artifact(tmp_path / "store" / "digits.mar", b"earlier"), artifact(tmp_path / "staged" / "digits.mar", b"later")
    killed_after(moves, staged, earlier)
    place.place(staged, earlier)
    assert content_of(earlier.parent) == content_of(staged.parent)


def test_of_a_packer_that_fails_only_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = artifact(tmp_path / "run" / "digits.pt", b"weights")

    def fails(command: Any, **options: Any) -> CompletedProcess[str]:
        return CompletedProcess(command, 1, "", f"Traceback (most recent call last):\n  File x\nOSError: {FULL}\n")

    monkeypatch.setattr(subprocess, "run", fails)
    with pytest.raises(ExportError) as caught:
        pack(weights, "digits", tmp_path)
    assert str(caught.value) == f"torch-model-archiver failed: OSError: {FULL}"
