"""The search for the likeliest texts, against the sum over every path through the frames."""

import itertools
import math

import numpy as np
import pytest
from lines import frames_of, random_frames, random_logits

from digitkit.pictures.line import ALPHABET, BLANK
from digitkit.readers.numbers.beam import MOST, WIDTH, search, told
from digitkit.readers.numbers.lattice import lattice
from digitkit.readers.numbers.number import Frames

CLASSES = (0, 1, 4, BLANK)


def by_all_paths(frames: Frames) -> dict[str, float]:
    """The probability of every text, from its definition: a path says its classes without repeats, and then without blanks."""
    found: dict[str, float] = {}
    for path in itertools.product(CLASSES, repeat=len(frames)):
        text = "".join(ALPHABET[c] for c, _ in itertools.groupby(path) if c != BLANK)
        found[text] = found.get(text, 0.0) + math.prod(frames[t, c] for t, c in enumerate(path))
    return found


@pytest.mark.parametrize("count", [1, 2, 4, 6])
def test_a_wide_search_finds_every_text_with_its_probability(count: int) -> None:
    frames = random_frames(count, CLASSES, seed=count)
    expected = by_all_paths(frames)
    found = search(frames, width=10_000, least=0.0)
    assert found[0][0] == max(expected, key=lambda text: expected[text])
    assert {text: math.exp(logarithm) for text, logarithm in found if text in expected} == pytest.approx(expected, abs=1e-9)
    assert [logarithm for _, logarithm in found] == sorted((logarithm for _, logarithm in found), reverse=True)


@pytest.mark.parametrize("seed", range(20))
def test_the_usual_search_finds_the_likeliest_text(seed: int) -> None:
    frames = random_frames(6, CLASSES, seed)
    expected = by_all_paths(frames)
    best, logarithm = search(frames)[0]
    assert expected[best] == pytest.approx(max(expected.values()), rel=0.05)
    assert math.exp(logarithm) <= expected[best] + 1e-9  # what was pruned is missing


def test_equal_characters_are_two_where_a_blank_stands_between_them() -> None:
    assert search(frames_of("7", "7"))[0][0] == "77"
    assert search(frames_of("7")[[0, 1, 1, 2]])[0][0] == "7"


def test_of_a_run_of_sure_blanks_one_is_enough() -> None:
    frames = np.concatenate([frames_of("1"), frames_of("1"), frames_of("2")])
    kept = told(frames)
    assert len(kept) < len(frames)
    assert search(frames[kept])[0][0] == search(frames)[0][0] == "112"


def test_noise_costs_no_more_beams_and_classes_than_writing() -> None:
    found = search(random_logits(200, seed=0))
    assert len(found) == WIDTH
    assert MOST < BLANK


@pytest.mark.parametrize("seed", range(5))
def test_the_lattice_knows_the_probability_of_every_text_with_one_character_exchanged(seed: int) -> None:
    frames = random_frames(6, CLASSES, seed)
    expected = by_all_paths(frames)
    for text in sorted(filter(None, expected), key=lambda text: -expected[text])[:8]:
        exchanged = np.exp(lattice(frames, text).exchanged)
        for i, c in itertools.product(range(len(text)), CLASSES[:-1]):
            other = text[:i] + ALPHABET[c] + text[i + 1 :]
            assert exchanged[i, c] == pytest.approx(expected.get(other, 0.0), abs=1e-8)


def test_a_character_stands_where_it_was_read() -> None:
    assert lattice(frames_of("4", ".", "2"), "4.2").centres == pytest.approx([1, 3, 5], abs=0.01)
    spread = frames_of("4")[[0, 1, 1, 1, 2]]
    assert lattice(spread, "4").centres == pytest.approx([2], abs=0.01)


def test_a_long_line_has_a_finite_logarithm() -> None:
    text = "0123456789" * 10
    found = lattice(frames_of(*text), text)
    assert np.isfinite(found.exchanged[range(100), [int(sign) for sign in text]]).all()
    assert np.all(np.diff(found.centres) > 0)
