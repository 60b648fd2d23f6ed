"""What was published before stays whole when its successor cannot be published."""

import subprocess
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from test_card import FACTS

from digitkit.card import check_card, write_card
from export import place, to_mar

FULL = OSError(28, "No space left on device")


def artifact(path: Path, content: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    write_card(path, **FACTS)
    return path


@pytest.mark.parametrize("room", [0, 1])
def test_a_disk_that_fills_up_leaves_the_earlier_artifact_with_its_own_card(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = artifact(tmp_path / "store" / "digits.mar", b"earlier")
    staged = artifact(tmp_path / "staged" / "digits.mar", b"later")
    copied: list[Path] = []

    def copyfile(source: Path, target: Path) -> None:
        if len(copied) == room:
            raise FULL
        target.write_bytes(source.read_bytes())
        copied.append(target)

    monkeypatch.setattr(place.shutil, "copyfile", copyfile)
    before = {path.name: path.read_bytes() for path in earlier.parent.iterdir()}
    with pytest.raises(OSError, match="No space left"):
        place.publish(staged, earlier)
    assert {path.name: path.read_bytes() for path in earlier.parent.iterdir()} == before
    check_card(earlier)


def test_of_a_packer_that_fails_only_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = artifact(tmp_path / "run" / "digits.pt", b"weights")

    def fails(command: Any, **options: Any) -> CompletedProcess[str]:
        return CompletedProcess(command, 1, "", f"Traceback (most recent call last):\n  File x\nOSError: {FULL}\n")

    monkeypatch.setattr(subprocess, "run", fails)
    with pytest.raises(place.ExportError) as caught:
        to_mar._pack(weights, "digits", tmp_path)
    assert str(caught.value) == f"torch-model-archiver failed: OSError: {FULL}"
