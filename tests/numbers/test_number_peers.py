"""Other engines beside our reader of lines, by programs that stand in for them, and by Tesseract where it is installed."""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from conftest import ROOT
from lines import random_line, spelled
from PIL import Image, ImageDraw, ImageFont

from digitkit.pictures.codec import encode_png
from training.evaluate.lines import beside, run
from training.evaluate.lines.beside import Beside, compare, peers, show_beside
from training.evaluate.lines.number_exam import NumberExam
from training.evaluate.lines.peers import line_peer
from training.evaluate.lines.peers.line_peer import PEERS, PeerError, started

FAKE: Final = """
from training.evaluate.lines.peers.answering import answer

def read(file):
    print("a line that is no answer")
    return f"{len(file)} bytes, {file[:2].hex(':')}"

answer("fake 1.0", read)
"""
ENDING: Final = "from training.evaluate.lines.peers.answering import answer\nanswer('fake 1.0', lambda file: exit(3))"
NUMBERED: Final = NumberExam("lines", "all", [b"12", b"345", b"6"], ["12", "345", "6"], None)


def program(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_peer_answers_picture_by_picture_whatever_bytes_they_are_and_whatever_it_prints_beside() -> None:
    with started("fake", program(FAKE)) as peer:
        assert peer.version == "fake 1.0"
        assert peer.read(b"\n\x00abc") == "5 bytes, 0a:00"
        assert peer.read(bytes(70_000)) == "70000 bytes, 00:00"


def test_a_program_that_does_not_start_is_told_as_a_peer_that_cannot_be_asked() -> None:
    with pytest.raises(PeerError, match="fake ended without an answer"), started("fake", program("exit('no engine here')")):
        pass


def test_a_program_that_ends_at_a_picture_is_told_as_a_peer_that_cannot_be_asked() -> None:
    with pytest.raises(PeerError, match="fake ended"), started("fake", program(ENDING)) as peer:
        peer.read(b"1")


def test_peers_that_are_not_installed_are_skipped_with_the_command_that_installs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(line_peer, "ENVIRONMENTS", tmp_path)
    with peers(PEERS) as found:
        assert found == {}
    told = capsys.readouterr().err
    assert all(f"make evaluate-numbers PEERS={name} builds" in told for name in PEERS)


def test_readers_take_turns_at_each_picture_and_only_their_digits_are_compared() -> None:
    turns = list[tuple[str, bytes]]()

    def ours(file: bytes) -> str:
        turns.append(("ours", file))
        return f"no. {file[:1].decode()},{file[1:].decode()}.-"

    def other(file: bytes) -> str:
        turns.append(("other", file))
        return "12"

    rows = compare(NUMBERED, {"ours": ours, "other": other})
    assert turns == [(name, file) for file in NUMBERED.files for name in ("ours", "other")]
    assert [(row.reader, row.right, row.pictures) for row in rows] == [("ours", 1.0, 3), ("other", pytest.approx(1 / 3), 3)]


def test_the_time_of_a_line_is_the_median_so_that_the_first_one_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 5.0, 10.0, 10.002, 20.0, 20.003])
    monkeypatch.setattr(beside, "perf_counter", lambda: next(clock))
    (row,) = compare(NUMBERED, {"ours": bytes.decode})
    assert row.median_ms == pytest.approx(3)


def test_the_table_has_a_line_for_each_exam_and_a_column_for_each_reader(capsys: pytest.CaptureFixture[str]) -> None:
    show_beside([Beside("plates", "odd", name, right, 12.34, 50) for name, right in (("ours", 0.98), ("other 2.1", 0.5))], "lines")
    told = capsys.readouterr().out
    assert "98.00%, 12.3 ms" in told
    assert "other 2.1" in told


def test_every_peer_has_its_program_and_its_packages() -> None:
    folder = Path(line_peer.__file__).parent
    assert all((folder / f"{name}{end}").is_file() for name in PEERS for end in (".py", ".txt"))


def test_the_command_reads_the_same_lines_by_us_and_by_a_peer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    random_line(tmp_path / "numbers.pt")
    files = [np.frombuffer(encode_png(spelled(text)), dtype=np.uint8) for text in ("1", "22", "333", "4444")]
    offsets = np.cumsum([0, *map(len, files)])
    np.savez(tmp_path / "zip_rows_400.npz", files=np.concatenate(files), offsets=offsets, labels=np.array(["1", "22", "333", "4444"]))
    python = tmp_path / ".venv-peers" / "rapidocr" / "bin" / "python"
    python.parent.mkdir(parents=True)
    (tmp_path / "fake.py").write_text(FAKE)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path / "fake.py"}"\n')
    python.chmod(0o755)
    kept = list[str]()
    monkeypatch.setattr(run, "stay_on_one_core", lambda: kept.append("on one core"))  # it would keep all further tests there
    monkeypatch.chdir(tmp_path)
    flags = ["--weights", "numbers.pt", "--real-data", ".", "--out", "report", "--only", "zip", "--peers", "rapidocr,tesseract"]
    monkeypatch.setattr(sys, "argv", ["run", *flags])
    run.main()
    told = capsys.readouterr()
    assert "skipped: tesseract is not installed" in told.err
    assert "fake 1.0" in told.out
    rows = json.loads((tmp_path / "report" / "numbers-peers.json").read_text())
    assert [(row["exam"], row["reader"], row["pictures"]) for row in rows] == [("zip rows", "ours", 2), ("zip rows", "fake 1.0", 2)]
    assert kept == ["on one core"]


def test_a_peer_that_there_is_not_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no peer abacus; there are rapidocr, tesseract"):
        run.names("tesseract,abacus")
    assert run.names("tesseract,rapidocr") == ["tesseract", "rapidocr"]
    assert run.names("") == []


def test_make_takes_the_peers_of_the_command_that_it_is_asked_for() -> None:
    for goal, name, others in (("evaluate-numbers", "mosec", "rapidocr tesseract"), ("bench", "rapidocr", "bentoml")):
        done = subprocess.run(["make", "-n", goal, f"PEERS={name}"], cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        assert f"no peer {name}; there are {others}" in done.stderr


@pytest.mark.skipif(not shutil.which("tesseract"), reason="tesseract, Debian's package tesseract-ocr, is not installed")
def test_tesseract_reads_a_printed_number(printed: bytes) -> None:
    with started("tesseract", [sys.executable, "-m", "training.evaluate.lines.peers.tesseract"]) as peer:
        assert peer.version.startswith("tesseract")
        assert peer.read(printed).strip() == "20417.35"
        assert peer.read(b"no picture").strip() == ""


RAPIDOCR: Final = ROOT / line_peer.ENVIRONMENTS / "rapidocr" / "bin" / "python"


@pytest.mark.skipif(not RAPIDOCR.exists(), reason="rapidocr is not installed: make evaluate-numbers PEERS=rapidocr builds its environment")
def test_rapidocr_reads_a_printed_number(printed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with started("rapidocr", [str(RAPIDOCR), "-m", "training.evaluate.lines.peers.rapidocr"]) as peer:
        assert peer.version.startswith("rapidocr")
        assert peer.read(printed) == "20417.35"


@pytest.fixture
def printed() -> bytes:
    """A file with 20417.35 in a font that Pillow brings."""
    page = Image.new("L", (240, 60), 255)
    ImageDraw.Draw(page).text((20, 8), "20417.35", fill=0, font=ImageFont.load_default(40))
    return encode_png(np.asarray(page))
