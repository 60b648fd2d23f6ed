"""Fonts that were written by hand: they are fetched once, and give writers who bend and ink their digits each in their own way."""

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from fontTools.ttLib import TTFont

from digitkit.readers.digits.digit import LABELS
from training.data.mnist import Split
from training.glyphs import written_fonts
from training.lines import handwriting
from training.lines.font_hands import PEN_PX, FontHand
from training.lines.strip import ROW_PX

DEJAVU = Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder of fonts in the place of the one that trainings use."""
    monkeypatch.setattr(written_fonts, "FOLDER", tmp_path / "hands")
    written_fonts.FOLDER.mkdir()
    written_fonts.written_fonts.cache_clear()
    yield written_fonts.FOLDER
    written_fonts.written_fonts.cache_clear()


@pytest.fixture
def font(folder: Path) -> Path:
    kept = folder / "a-hand.ttf"
    kept.write_bytes(DEJAVU.read_bytes())
    return kept


def npm(place: Path, weights: tuple[str, ...]) -> None:
    """An npm in a folder that packs one family, "a-hand", with files of these weights, and knows no other."""
    font, packed = TTFont(DEJAVU), io.BytesIO()
    font.flavor = "woff"
    font.save(packed)
    with tarfile.open(place / "packed", "w:gz") as archive:
        for weight in weights:
            for name in (f"a-hand-latin-{weight}-italic", f"a-hand-latin-{weight}-normal", f"a-hand-greek-{weight}-normal"):
                entry = tarfile.TarInfo(f"package/files/{name}.woff")
                entry.size = len(packed.getvalue())
                archive.addfile(entry, io.BytesIO(packed.getvalue()))
    program = place / "npm"
    program.write_text(f'#!/bin/sh\n[ "$3" = @fontsource/a-hand ] || exit 1\ncp "{place}/packed" a-hand-1.0.tgz\n')
    program.chmod(0o755)


@pytest.mark.parametrize("weights", [("400", "700"), ("300",)])
def test_a_family_is_fetched_once_and_every_freetype_reads_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: tuple[str, ...]
) -> None:
    npm(tmp_path, weights)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert written_fonts.fetch("a-hand")
    assert written_fonts.written_fonts() == (folder / "a-hand.ttf",)
    (tmp_path / "npm").unlink()
    monkeypatch.setenv("PATH", "")
    assert written_fonts.fetch("a-hand")


def test_a_family_that_the_registry_does_not_have_is_told_and_costs_the_others_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    npm(tmp_path, ("400",))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(written_fonts, "FAMILIES", ("a-hand", "no-hand"))
    written_fonts.main()
    assert [path.name for path in folder.iterdir()] == ["a-hand.ttf"]
    assert "1 of 2 families; not found: no-hand" in capsys.readouterr().out


def test_without_npm_the_command_says_what_brings_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(SystemExit, match="npm"):
        written_fonts.main()


def test_a_writer_keeps_to_a_bend_and_a_pen_and_another_has_others(font: Path) -> None:
    draw = np.random.default_rng(0)
    thin, broad = FontHand(draw), FontHand(draw)
    thin.pen, broad.pen = PEN_PX
    for digit in LABELS:
        signs = [hand.digit(digit, draw) for hand in (thin, broad)]
        assert all(0.4 * ROW_PX < len(sign.strokes) < 2 * ROW_PX for sign in signs)
        assert all(sign.strokes.max() > 200 for sign in signs)
        inked, more = ((sign.strokes > 127).sum() / sign.strokes.shape[0] for sign in signs)
        assert more > 1.5 * inked
    first, again = thin.digit(5, draw), thin.digit(5, draw)
    assert first.strokes.shape != again.strokes.shape or (first.strokes != again.strokes).any()


def test_rows_are_written_in_fonts_where_there_are_any(mnist_test: Split, font: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handwriting, "BY_PEN", 0.0)
    monkeypatch.setattr(handwriting, "BY_FONT", 1.0)
    writing, draw = handwriting.Writing(mnist_test), np.random.default_rng(0)
    assert isinstance(writing.hand(draw), FontHand)
    font.unlink()
    written_fonts.written_fonts.cache_clear()
    assert not isinstance(writing.hand(draw), FontHand)
