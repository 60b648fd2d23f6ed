"""The text of a number: the likeliest that obeys its format, and what its confidence says."""

import math

import numpy as np
import pytest
from lines import frames_of, random_logits

from digitkit.readers.numbers.choose import choose, confidences, frames_needed, trimmed
from digitkit.readers.numbers.formats.format import Format, parse_format
from digitkit.readers.numbers.lattice import lattice

ANY = Format()
LUHN = "4539148803436467"


@pytest.mark.parametrize(
    ("read", "number"),
    [
        ("204", "204"), (" 1,50 ", "1,50"), (".5.", "5"), ("-12", "-12"), ("- 12", "12"), ("-12-", "12"), ("12-", "12"),
        ("1 234", "1 234"), ("12/05/2024", "12/05/2024"), ("-", ""), ("--7", "-7"),
    ],
)  # fmt: skip
def test_separators_at_the_ends_are_no_part_of_a_number_but_a_minus(read: str, number: str) -> None:
    assert trimmed(read) == number


def test_the_likeliest_text_is_chosen_with_the_probability_of_all_that_say_the_same() -> None:
    found = choose(frames_of("1", {"7": 0.6, "1": 0.4}, {".": 0.5}), ANY)
    assert found is not None
    assert (found.text, found.obeys) == ("17", True)
    assert math.exp(found.log_probability) == pytest.approx(0.6, abs=0.01)  # with the dot and without


def test_what_has_no_digit_is_no_number() -> None:
    assert choose(frames_of("-", "."), ANY) is None
    assert choose(frames_of(), ANY) is None


def doubtful(text: str, *doubts: tuple[int, str, float]) -> list[str | dict[str, float]]:
    """A text some of whose characters are rather read as another one, with this probability."""
    shown: list[str | dict[str, float]] = [*text]
    for i, other, probability in doubts:
        shown[i] = {text[i]: 1 - probability, other: probability}
    return shown


def test_a_check_digit_corrects_one_character() -> None:
    found = choose(frames_of(*doubtful(LUHN, (5, "7", 0.9))), parse_format("luhn"))
    assert found is not None
    assert (found.text, found.obeys) == (LUHN, True)
    assert math.exp(found.log_probability) == pytest.approx(0.1, rel=0.1)


def test_a_check_digit_corrects_two_characters_though_none_of_them_was_likely() -> None:
    found = choose(
        frames_of(*doubtful(LUHN, (2, "8", 0.97), (11, "0", 0.97))), parse_format("stdnum=luhn;length=16;pattern=45391488034[0-9]{5}")
    )
    assert found is not None
    assert (found.text, found.obeys) == (LUHN, True)
    assert math.exp(found.log_probability) == pytest.approx(0.03**2, rel=0.2)


@pytest.mark.parametrize("seed", range(10))
def test_what_obeys_can_be_said_by_the_frames_there_are(seed: int) -> None:
    frames = random_logits(4, seed)
    found = choose(frames, parse_format("pattern=[0-9]{4};luhn"))
    assert found is None or not found.obeys or frames_needed(found.read) <= len(frames)
    assert found is None or np.isfinite(lattice(frames, found.read).centres).all()
    assert frames_needed("1223") == 5


def test_a_length_finds_the_character_that_was_nearly_missed() -> None:
    found = choose(frames_of("1", "2", {"3": 0.2}, "4"), parse_format("length=4"))
    assert found is not None
    assert (found.text, found.obeys) == ("1234", True)


def test_where_nothing_likely_obeys_the_number_is_told_as_it_was_read() -> None:
    found = choose(frames_of(*"1234"), parse_format("length=9"))
    assert found is not None
    assert (found.text, found.obeys) == ("1234", False)


def test_an_obedient_reading_is_left_as_it_is() -> None:
    frames = frames_of(*doubtful(LUHN, (5, "7", 0.2)))
    free, held = choose(frames, ANY), choose(frames, parse_format("luhn"))
    assert free == held


def test_a_character_is_as_sure_as_its_own_frame() -> None:
    shown = doubtful("204", (1, "8", 0.3))
    sure = confidences(lattice(frames_of(*shown), "204"), "204", 1.0)
    assert sure == pytest.approx([1.0, 0.7, 1.0], abs=1e-3)
    warm = confidences(lattice(frames_of(*shown), "204"), "204", 2.0)
    assert 0.5 < warm[1] < 0.7


@pytest.mark.parametrize("form", ["", "luhn", "date", "pattern=[0-9]{2}-[0-9]{4}", "stdnum=nl.bsn", "iban=DE"])
@pytest.mark.parametrize("seed", range(3))
def test_noise_is_read_in_time_whatever_the_format(form: str, seed: int) -> None:
    found = choose(random_logits(60, seed), parse_format(form))
    assert found is None or not found.obeys or parse_format(form).is_obeyed_by(found.text)
