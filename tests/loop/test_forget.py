"""The command that deletes kept pictures: by hash, by the picture itself, by time."""

import argparse
import io
from pathlib import Path

import pytest
from PIL import Image
from samples import NOW, everything_in, files_in, opened, sample

from loop import forget


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        forget.main(arguments)
    return int(ended.value.code or 0) if isinstance(ended.value.code, int | None) else 1


def test_pictures_are_deleted_by_their_hashes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(tmp_path, *map(sample, range(3))):
        pass
    assert run("--store", str(tmp_path), "--hash", sample(0).sha256, sample(2).sha256) == 0
    assert "2 pictures are deleted" in capsys.readouterr().out
    assert files_in(tmp_path) == [sample(1).sha256]
    assert sample(0).sha256.encode() not in everything_in(tmp_path)


def test_a_picture_is_deleted_by_itself_whatever_file_it_was_sent_in(tmp_path: Path) -> None:
    with opened(tmp_path / "store", sample(0)):
        pass
    with Image.open(io.BytesIO(sample(0).png)) as image:
        image.save(tmp_path / "sent.bmp")
    assert run("--store", str(tmp_path / "store"), "--file", str(tmp_path / "sent.bmp")) == 0
    assert files_in(tmp_path / "store") == []


def test_pictures_are_deleted_by_time(tmp_path: Path) -> None:
    with opened(tmp_path, *(sample(number, asked_at=NOW + number) for number in range(3))):
        pass
    times = [forget.datetime.fromtimestamp(NOW + offset, forget.UTC).isoformat() for offset in (0.5, 1.5)]
    assert run("--store", str(tmp_path), "--since", times[0], "--until", times[1]) == 0
    assert files_in(tmp_path) == sorted([sample(0).sha256, sample(2).sha256])


def test_nothing_to_delete_is_told_and_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(tmp_path, sample(0)):
        pass
    assert run("--store", str(tmp_path), "--hash", "0" * 64) == 3
    assert "0 pictures are deleted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--hash", "0" * 64], "no store of pictures is named"),
        (["--store", "nowhere", "--hash", "0" * 64], "there is no store of pictures at"),
        (["--store", "nowhere"], "name what to delete"),
        (["--store", "nowhere", "--hash", "xyz"], "no sha256"),
        (["--store", "nowhere", "--since", "yesterday"], "no time as"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        forget.main(arguments)
    assert told in f"{ended.value.code}{capsys.readouterr().err}"
    assert list(tmp_path.iterdir()) == []


def test_a_time_without_a_zone_is_utc() -> None:
    assert forget.to_time("2026-01-31T12:00") == forget.to_time("2026-01-31T13:00+01:00")
    with pytest.raises(argparse.ArgumentTypeError):
        forget.to_time("31.1.2026")
