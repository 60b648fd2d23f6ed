"""Labels that are probably wrong: `python -m loop.label_errors --store FOLDER`; with --again they are reviewed once more.

What the models had read before anybody labelled is held against the labels by confident learning, which takes each digit's own confidence
as the measure of what is sure. So a digit that is always read hesitantly does not fill the list.
Source: Northcutt et al., Confident learning (2021), by their library cleanlab.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from digitkit.collect.sample_store import SampleStore, StoreError
from digitkit.collect.schema import ANSWERS, PICTURES
from loop.agreement import DIGITS
from loop.desk import TASK, Desk
from loop.place_flags import add_place_flags, open_existing, place_of
from testbed.command import ending

LEAST: Final = 50  # labelled pictures: of fewer, the confidence of each digit is hearsay


class LabelError(Exception):
    """Labels that cannot be examined; the message says why."""


class Suspect(NamedTuple):
    """A picture whose label is probably wrong.

    Attributes:
        read: what the models read instead.
        confidence: that they give the label, 0 to 1.
    """

    sha256: str
    label: str
    read: str
    confidence: float


class Voted(NamedTuple):
    """N settled digits, and what the models had read.

    Attributes:
        labels: int (N,).
        probabilities: (N, 10), the mean of the models'.
    """

    hashes: list[str]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]


def voted(store: SampleStore) -> Voted:
    """The settled digits of a store whose logits are known."""
    query = select(PICTURES.c.sha256, PICTURES.c.truth, ANSWERS.c.logits).join(ANSWERS, ANSWERS.c.sha256 == PICTURES.c.sha256)
    with store.reading() as connection:
        rows = connection.execute(query.where(PICTURES.c.task == TASK, PICTURES.c.truth.in_(DIGITS)).order_by(PICTURES.c.sha256)).all()
    answers: dict[tuple[str, str], list[list[float]]] = {}
    for row in rows:
        if row.logits and len(row.logits) == len(DIGITS):
            answers.setdefault((row.sha256, row.truth), []).append(row.logits)
    probabilities = [softmax(np.array(logits)).mean(axis=0) for logits in answers.values()]
    labels = np.array([int(truth) for _, truth in answers], dtype=np.int64)
    return Voted([sha256 for sha256, _ in answers], labels, np.array(probabilities).reshape(-1, len(DIGITS)))


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def suspects(given: Voted) -> list[Suspect]:
    """The labels that are probably wrong, the least likely first; raises LabelError where there are too few."""
    if len(given.labels) < LEAST:
        raise LabelError(f"{len(given.labels)} pictures are labelled with what was read of them; labels are examined from {LEAST} on")
    present = np.unique(given.labels)  # cleanlab wants every class among the labels
    if len(present) == 1:
        return []
    probabilities = given.probabilities[:, present]
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    find = import_module("cleanlab.filter").find_label_issues  # sklearn and pandas, which the rest of the loop does without
    places = find(np.searchsorted(present, given.labels), probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    return [
        Suspect(
            given.hashes[i],
            DIGITS[given.labels[i]],
            DIGITS[given.probabilities[i].argmax()],
            float(given.probabilities[i, given.labels[i]]),
        )
        for i in places
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="loop.label_errors", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_place_flags(parser)
    parser.add_argument("--again", action="store_true", help="have them reviewed once more, by somebody else if there is anybody")
    flags = parser.parse_args(arguments)
    with ending(parser.prog, StoreError, LabelError, ImportError):
        store = open_existing(place_of(flags))
        given = voted(store)
        found = suspects(given)
        if flags.again:
            Desk(store).reopen([each.sha256 for each in found])
    for each in found:
        print(f"{each.sha256}  labelled {each.label}, read {each.read}, {each.confidence:.1%} for the label")
    confused = ", ".join(
        f"{pair} {count} times" for pair, count in Counter(f"{each.read} as {each.label}" for each in found).most_common(3)
    )
    print(f"{len(found)} of {len(given.labels)} labels are probably wrong{f': {confused}' if confused else ''}")
    if flags.again and found:
        print("they come again in the review")
    sys.exit(0)


if __name__ == "__main__":
    main()
