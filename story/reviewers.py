"""The stand-ins for people who review kept pictures: they know what the story drew, and some of them are told wrong."""

import hashlib
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import cycle
from pathlib import Path
from typing import Final

import numpy as np

from digitkit.collect.sample_store import SampleStore, StorePlace
from loop.agreement import DIGITS
from loop.desk import Desk
from testbed.pictures import LabelledPicture

REVIEWERS: Final = ("anna", "ben", "chiara")  # who contradicts the models is looked over by the next one
AT_ONCE: Final = 20  # pictures that one of them is lent


def truths_of(pictures: Sequence[LabelledPicture]) -> dict[str, str]:
    """What pictures show, by the hash under which the store keeps them: that of the PNG, which is grey and small already."""
    return {hashlib.sha256(picture.png).hexdigest(): str(picture.label) for picture in pictures}


def poisoned(truths: Mapping[str, str], share: float, seed: int) -> dict[str, str]:
    """The same truths, of which a share says another digit."""
    draw = np.random.default_rng(seed)
    return {
        sha256: DIGITS[(int(truth) + int(draw.integers(1, 10))) % 10] if draw.random() < share else truth
        for sha256, truth in truths.items()
    }


def review(folder: Path, truths: Mapping[str, str], count: int) -> tuple[int, int]:
    """Have at least `count` pictures of a store settled, or all that there are; how many were, and after how many looks."""
    store = SampleStore(StorePlace(str(folder)))
    desk, looks, idle = Desk(store), 0, 0
    try:
        for reviewer in cycle(REVIEWERS):
            settled = desk.progress(reviewer).settled
            lent = desk.take(reviewer, AT_ONCE) if settled < count else []
            idle = 0 if lent else idle + 1
            for candidate in lent:
                desk.label(reviewer, candidate.sha256, truths[candidate.sha256])
                looks += 1
            if settled >= count or idle == len(REVIEWERS):
                return settled, looks
    finally:
        store.close()
    raise AssertionError("reviewers come in turn without an end")


def copied(folder: Path, copy: Path) -> Path:
    """A copy of a store that workers may be writing to."""
    shutil.copytree(folder / "pictures", copy / "pictures")
    with closing(sqlite3.connect(folder / "records.sqlite")) as records, closing(sqlite3.connect(copy / "records.sqlite")) as target:
        records.backup(target)
    return copy
