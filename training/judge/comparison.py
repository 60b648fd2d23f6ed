"""Both models read all pictures; the figures that the gates are about, and the groups that the report shows."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digitkit.errors import DigitError
from digitkit.readers.digits.digit import LABELS
from training.evaluate.picture_reader import PictureReader, Readings
from training.judge.judged import KINDS, Judged
from training.judge.pairs import LEAST, Gap, Pair, gap, groups_of
from training.judge.traits import traits_of

FIGURES: Final = frozenset(
    {"mnist_drop", "reviewed_accuracy", "reviewed_drop", "corruptions_drop", "real_drop", "group_drop", "gap_growth"}
    | {"calibration_error", "false_acceptance_growth", "chance"}
)
NOTHING: Final = np.zeros((1, 1), dtype=np.uint8)  # in the place of a picture that cannot be decoded


@dataclass(frozen=True, slots=True)
class Sitting:
    """Pictures, and what both models read in them."""

    judged: Judged
    champion: Readings
    challenger: Readings

    def pair(self) -> Pair:
        """Of digits, which are read right; of pictures without one, which are not accepted."""
        exam = self.judged.exam
        return Pair(exam.name, ~exam.failed(self.champion), ~exam.failed(self.challenger))


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found.

    Attributes:
        sets: a pair for each set of pictures.
        whole: all digits but the corrupted ones, together.
        groups: of these, and the corruptions as sources of their own; those that are large enough to count.
        gaps: the worst group of the champion and of the challenger.
        calibration: the calibration error of both over `whole`.
        figures: by their names in FIGURES, None for what could not be measured.
    """

    sets: list[tuple[Judged, Pair]]
    whole: Pair
    groups: list[Pair]
    gaps: tuple[Gap, Gap]
    calibration: tuple[float, float]
    figures: dict[str, float | None]


def sit_both(all_judged: Iterable[Judged], champion: PictureReader, challenger: PictureReader) -> list[Sitting]:
    """Both models read every picture as a worker would: of its canvases each reads the one of its own choice, as it would when served."""
    return [Sitting(each, champion.read(each.exam.files), challenger.read(each.exam.files)) for each in all_judged]


def compare(sittings: list[Sitting], reader: PictureReader) -> Comparison:
    """What two models' readings say of them.

    Args:
        reader: that decodes the pictures, whichever of the two.
    """
    pairs = [(sitting, sitting.pair()) for sitting in sittings]
    clean = [sitting for sitting in sittings if sitting.judged.kind in ("mnist", "reviewed", "real")]
    whole = together("all digits", [sitting.pair() for sitting in clean])
    groups = list(groups_of(whole, _groups(clean, reader)))
    groups += [
        Pair(f"source: {pair.name}", pair.champion, pair.challenger) for sitting, pair in pairs if sitting.judged.kind == "corruption"
    ]
    large = [group for group in groups if group.pictures >= LEAST] or [whole]
    gaps = (
        gap(whole.champion, {group.name: group.champion for group in large}),
        gap(whole.challenger, {group.name: group.challenger for group in large}),
    )
    truths = np.concatenate([sitting.judged.exam.truths for sitting in clean])
    errors = [
        readings.calibration_error(truths)
        for readings in (_joined([sitting.champion for sitting in clean]), _joined([sitting.challenger for sitting in clean]))
    ]
    calibration = (errors[0], errors[1])
    sets = [(sitting.judged, pair) for sitting, pair in pairs]
    figures = _figures(sets, whole, large, gaps) | {"calibration_error": calibration[1]}
    return Comparison(sets, whole, groups, gaps, calibration, figures)


def together(name: str, pairs: list[Pair]) -> Pair:
    """The pictures of several sets as one."""
    return Pair(name, np.concatenate([pair.champion for pair in pairs]), np.concatenate([pair.challenger for pair in pairs]))


def _joined(readings: list[Readings]) -> Readings:
    first, *others = readings
    return sum(others, first)


def _groups(clean: list[Sitting], reader: PictureReader) -> dict[str, NDArray[np.bool_]]:
    """Which pictures of all these sittings are of each group: by traits, digit, source and what a set itself says.

    Traits are measured on the canvases that the champion read, so that both models are held to the same groups.
    """
    counts = [len(sitting.judged.exam.files) for sitting in clean]
    starts = np.cumsum([0, *counts])
    total = int(starts[-1])
    pictures = [_decoded(reader, file) for sitting in clean for file in sitting.judged.exam.files]
    truths = np.concatenate([sitting.judged.exam.truths for sitting in clean])
    canvases = np.concatenate([sitting.champion.canvases for sitting in clean])
    groups = traits_of(pictures, canvases) | {f"digit: {digit}": truths == digit for digit in LABELS}
    for sitting, start, count in zip(clean, starts, counts, strict=False):
        own = {f"source: {sitting.judged.exam.name}": np.ones(count, dtype=np.bool_), **sitting.judged.groups}
        for name, mask in own.items():
            groups.setdefault(name, np.zeros(total, dtype=np.bool_))[start : start + count] |= mask
    return groups


def _decoded(reader: PictureReader, file: bytes) -> NDArray[np.uint8]:
    try:
        return reader.picture(file)
    except DigitError:
        return NOTHING


def _figures(sets: list[tuple[Judged, Pair]], whole: Pair, groups: list[Pair], gaps: tuple[Gap, Gap]) -> dict[str, float | None]:
    of: dict[str, list[Pair]] = {kind: [pair for judged, pair in sets if judged.kind == kind] for kind in KINDS}
    reviewed = together("reviewed", of["reviewed"]) if of["reviewed"] else None
    nothing = together("no digit", of["no digit"]) if of["no digit"] else None
    drops = {kind: [pair.drop for pair in of[kind]] for kind in KINDS}
    return {
        "mnist_drop": max(drops["mnist"], default=None),
        "reviewed_accuracy": float(reviewed.challenger.mean()) if reviewed else None,
        "reviewed_drop": reviewed.drop if reviewed else None,
        "corruptions_drop": float(np.mean(drops["corruption"])) if drops["corruption"] else None,
        "real_drop": max(drops["real"], default=None),
        "group_drop": max(group.drop for group in groups),
        "gap_growth": gaps[1].value - gaps[0].value,
        "false_acceptance_growth": nothing.drop if nothing else None,
        "chance": whole.chance,
    }
