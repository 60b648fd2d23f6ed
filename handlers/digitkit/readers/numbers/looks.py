"""What the net gives for strips of many widths, which it is shown in slices of one width each."""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from digitkit.errors import Overloaded, too_late
from digitkit.pictures.line import FRAME_PX, LineRun
from digitkit.readers.numbers.beam import softmax
from digitkit.readers.numbers.number import Extents, Frames, View

SLICE_PX: Final = 8192  # columns of all strips in one call, few enough that their activations stay in a processor's cache


@dataclass(frozen=True, slots=True)
class Look:
    """What the net gave for a view, at the frames that show the picture.

    Attributes:
        view: that it was shown.
        frames: (T, 18).
        extents: (T, 2).
    """

    view: View
    frames: Frames
    extents: Extents


def look_at_all(views: Sequence[View], run: LineRun, deadline: float) -> list[Look | Overloaded]:
    """The look at each view, in order. One that begins after the deadline is refused.

    A strip is shown beside strips of its own width alone, so that no answer depends on what else is in a batch.
    """
    looks: list[Look | Overloaded] = [too_late()] * len(views)
    by_width = defaultdict(list)
    for i, view in enumerate(views):
        by_width[view.strip.shape[1]].append(i)
    for width, places in by_width.items():
        count = max(1, SLICE_PX // width)
        for start in range(0, len(places), count):
            if time.perf_counter() > deadline:
                return looks
            part = places[start : start + count]
            logits, extents = run(np.stack([views[i].strip for i in part]))
            for i, row, edges in zip(part, softmax(logits), extents, strict=True):
                shown = -(-views[i].width // FRAME_PX)
                looks[i] = Look(views[i], row[:shown], edges[:shown])
    return looks
