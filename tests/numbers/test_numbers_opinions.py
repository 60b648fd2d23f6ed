"""Lines that are not sure are looked at in other ways, and the likeliest look counts."""

from math import inf

import numpy as np
import pytest
from numpy.typing import NDArray

from digitkit.pictures.line import ALPHABET, BLANK, FRAME_PX, OTHER, STRIP_PX
from digitkit.readers.numbers.looks import Look, look_at_all
from digitkit.readers.numbers.opinions import SURER, WIDTHS, likeliest, others, surest
from digitkit.readers.numbers.strips import first_view
from digitkit.readers.numbers.transcribe import Terms

LIGHT = np.tile(np.linspace(150, 250, 160).astype(np.uint8), (STRIP_PX, 1))


class Doubting:
    """A net that reads a sign in light strips as surely as it is told, and a 7, nearly surely, in dark ones, or in narrow ones too."""

    def __init__(self, logit: float, sign: str = "1", *, narrow: bool = False) -> None:
        self.logit, self.sign, self.narrow, self.strips = logit, sign, narrow, 0

    def __call__(self, strips: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self.strips += len(strips)
        logits = np.zeros((len(strips), strips.shape[2] // FRAME_PX, BLANK + 1), dtype=np.float32)
        logits[..., BLANK] = 20
        for row, strip in zip(logits, strips, strict=True):
            is_unsure = strip.mean() > 127 and not (self.narrow and strip.shape[1] < LIGHT.shape[1])
            sign, logit = (self.sign, self.logit) if is_unsure else ("7", 18.0)
            row[3] = 0
            row[3, ALPHABET.index(sign)] = logit
        return logits, np.tile(np.array([0.1, 0.9], dtype=np.float32), (*logits.shape[:2], 1))


def read(net: Doubting, enough: float = SURER) -> tuple[Look, Look]:
    """A look at the light picture, and the one that counts."""
    (first,) = look_at_all([first_view(LIGHT)], net, inf)
    (counts,) = surest([first], net, inf, enough)
    assert isinstance(first, Look) and isinstance(counts, Look)
    return first, counts


def test_an_unsure_line_is_read_as_the_likeliest_of_its_looks() -> None:
    first, counts = read(net := Doubting(3.0))
    assert net.strips == 2 + len(WIDTHS)
    assert likeliest(first)[1] < likeliest(counts)[1]
    assert ALPHABET[int(counts.frames[3].argmax())] == "7"


def test_the_looks_that_are_left_are_spared_once_one_is_surer_than_what_is_accepted_must_be() -> None:
    first, counts = read(net := Doubting(3.0, narrow=True))
    assert net.strips == 2
    assert likeliest(counts)[0] == "7" and counts.view.width < first.view.width
    read(net := Doubting(3.0, narrow=True), enough=0.0)  # as where nothing is sure enough to be accepted
    assert net.strips == 2 + len(WIDTHS)


def test_a_number_is_accepted_from_the_same_probability_on_that_spares_looks() -> None:
    terms = Terms(0.99, 0.8)
    assert np.exp(terms.accepted_from / terms.temperature) == pytest.approx(terms.min_confidence)
    assert Terms(0.0).accepted_from == -inf


def test_an_unsure_line_of_words_alone_is_not_looked_at_again() -> None:
    first, counts = read(net := Doubting(3.0, OTHER))
    assert net.strips == 1 and counts is first


def test_a_sure_line_is_looked_at_once() -> None:
    first, counts = read(net := Doubting(18.0))
    assert net.strips == 1 and counts is first


def test_a_line_stays_as_it_was_read_where_no_time_is_left() -> None:
    net = Doubting(3.0)
    (first,) = look_at_all([first_view(LIGHT)], net, inf)
    assert surest([first], net, 0.0) == [first]


@pytest.mark.parametrize("width", [40, 96, 700])
def test_other_looks_show_the_same_part_of_the_picture(width: int) -> None:
    view = first_view(np.tile(np.linspace(0, 255, width).astype(np.uint8), (STRIP_PX, 1)))
    end = view.to_picture @ (view.width, STRIP_PX, 1)
    for other in others(view):
        assert other.to_picture @ (other.width, STRIP_PX, 1) == pytest.approx(end, abs=1e-6)
        assert other.strip.shape[1] % 32 == 0
