"""How many labels a new source takes, in the order of the review and at random: `python -m story.labels_needed --real-data …`.

Two sources arrive at the same weights: MNIST's digits among which a tenth is by foreign hands, and, where they are at hand, real pictures
of historical documents. Labels are bought in steps. For each step a net is trained anew from the weights on all that are labelled so far,
which are drawn at random, or in the order of the review (loop/ordering.py) by what the net of the step before says. Each net is
measured on pictures of the source that are never labelled. Nothing is chosen on them, and nothing that is trained here is kept.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from digitkit.artifacts.card import CardError
from digitkit.errors import DigitError
from digitkit.pictures.codec import decode_picture, encode_png
from digitkit.readers.digits import net
from digitkit.readers.digits.classify import digit_score, softmax
from digitkit.readers.digits.digit import LABELS
from digitkit.readers.digits.net import DigitNet
from digitkit.readers.digits.recognise import prepare
from digitkit.settings import Settings, SettingsError
from loop.ordering import Candidate, most_telling
from testbed.command import EXIT_FAILED
from testbed.flags import positive, positive_list
from testbed.pictures import DATA_ROOT
from training.data import mnist
from training.data.shown import CanvasReader
from training.evaluate.real.sets import SETS, exams_in
from training.evaluate.served import MODEL_CONFIG
from training.few_labels import last_net
from training.finetune import rehearsed, right
from training.glyphs.hands import handwritten
from training.learn.loop import Trainer
from training.publish import logits
from training.recipe import RECIPES, Recipe, TrainingError

PROGRAM: Final = "story.labels_needed"
REAL: Final = "dida_other_3000"  # the set that is labelled by half: its development half may be, the quoted one measures
ARRIVED: Final = 3_000  # pictures of MNIST's digits and foreign hands
FOREIGN: Final = 0.1  # the share of foreign hands among them
MEASURED: Final = 1_000  # foreign hands that measure
REHEARSAL: Final = 1.0  # MNIST's pictures that are trained on for each labelled one
POOL: Final = 2_000  # drawn pictures beside them: to draw as many as make retrain does would take longer than to learn

Choose = Callable[[DigitNet, NDArray[np.int64], int], NDArray[np.int64]]  # a net, the labelled places and how many more: those more


@dataclass(frozen=True, slots=True)
class Arriving:
    """What arrives: canvases that may be labelled, and others by which a net is measured."""

    name: str
    pool: mnist.Split
    measured: mnist.Split


def foreign_hands(reader: CanvasReader, data_root: Path) -> Arriving:
    """MNIST's digits with hands among them that MNIST's writers do not have, measured on such hands alone."""
    draw, train = np.random.default_rng(0), mnist.load_train(data_root)[0]
    digits = draw.integers(len(LABELS), size=round(FOREIGN * ARRIVED) + MEASURED)
    split = seen(reader, (encode_png(handwritten(digit, draw)) for digit in digits.tolist()), digits)
    usual = train.take(draw.permutation(len(train))[: round((1 - FOREIGN) * ARRIVED)])
    return Arriving("MNIST's digits, a tenth by foreign hands", usual + split.take(slice(MEASURED, None)), split.take(slice(MEASURED)))


def real_pictures(reader: CanvasReader, real: Path) -> Iterator[Arriving]:
    """The pictures of REAL, where they are at hand; raises ValueError for a damaged file."""
    exams = [exam for half in ("development", "quoted") for exam in exams_in(real, SETS, half, REAL)]  # one of each half
    if exams:
        pool, measured = (seen(reader, exam.files, exam.truths) for exam in exams)
        yield Arriving("digits of historical documents", pool, measured)


def seen(reader: CanvasReader, files: Iterable[bytes], labels: NDArray[np.integer[Any]]) -> mnist.Split:
    """The canvases that are read of encoded pictures, without those that are refused."""
    canvases, kept = [], []
    for file, label in zip(files, labels.tolist(), strict=True):
        try:
            (canvas,) = reader.canvases([prepare(decode_picture(file, reader.limits))])
        except DigitError:
            continue
        if not isinstance(canvas, DigitError):
            canvases.append(canvas)
            kept.append(label)
    return mnist.Split(np.stack(canvases), np.array(kept))


def at_random(source: Arriving, seed: int) -> Choose:
    """Pictures as they come."""
    order = np.random.default_rng(seed).permutation(len(source.pool))
    return lambda net, labelled, count: order[len(labelled) : len(labelled) + count]


def as_reviewed(source: Arriving) -> Choose:
    """Pictures in the order of the review."""
    accepted_from = Settings.read(MODEL_CONFIG).threshold("digits")

    def choose(net: DigitNet, labelled: NDArray[np.int64], count: int) -> NDArray[np.int64]:
        rows = logits(net, source.pool).numpy()
        open_places = np.setdiff1d(np.arange(len(rows)), labelled)
        candidates = [_candidate(int(i), rows[i], accepted_from) for i in open_places]
        return np.array([int(each.sha256) for each in most_telling(candidates, rows[labelled].tolist(), count)])

    return choose


def _candidate(place: int, row: NDArray[np.float32], accepted_from: float) -> Candidate:
    """A picture as the store of kept ones has it, by its place in place of its hash."""
    likely, is_accepted = softmax(row[np.newaxis])[0], bool(digit_score(row[np.newaxis])[0] >= accepted_from)
    label = str(likely.argmax())
    answer = {"label": label, "confidence": float(likely.max()), "accepted": is_accepted, "logits": row.tolist()}
    return Candidate(str(place), [answer], [], frozenset({label}))


def accuracies(source: Arriving, weights: Path, sizes: Sequence[int], choose: Choose, seed: int, data_root: Path) -> list[float]:
    """How much of the source is read right, 0 to 1, after so many labels."""
    model, labelled, found = net.read(weights), np.empty(0, dtype=np.int64), []
    base = replace(RECIPES["retrain"], unlabelled=0.0, pool=POOL, seed=seed)
    recipe = replace(base, architecture=model.architecture, init_from=str(weights))
    old = mnist.load_train(data_root)[0]
    for size in sizes:
        labelled = np.concatenate([labelled, choose(model, labelled, size - len(labelled))])
        model = learned(recipe, source.pool.take(labelled), old)
        found.append(float(right(model, source.measured).mean()))
    return found


def learned(recipe: Recipe, labelled: mnist.Split, old: mnist.Split) -> DigitNet:
    """The net of the last epoch of a training on what is labelled."""
    with redirect_stdout(StringIO()):  # a line for each epoch of each training is too much
        return last_net(Trainer(recipe, rehearsed(labelled, old, REHEARSAL, recipe.seed), labelled))


def show(source: Arriving, before: float, random: NDArray[np.float64], ordered: NDArray[np.float64], sizes: Sequence[int]) -> bool:
    """Print a source's table of accuracies (seeds, sizes); returns whether each step ordered is as good as twice as many at random."""
    title = f"{source.name}: {before:.2%} of {len(source.measured):,} read right before"
    table = Table("labels", "at random", "in the order of the review", "at random with twice as many", title=title)
    holds = True
    for i, size in enumerate(sizes):
        twice = random[:, sizes.index(2 * size)] if 2 * size in sizes else None
        holds &= twice is None or bool(ordered[:, i].mean() >= twice.mean())
        table.add_row(str(size), *(_told(column) for column in (random[:, i], ordered[:, i])), "" if twice is None else _told(twice))
    Console(highlight=False).print(table)
    print("half of the labels are as good at every step" if holds else "half of the labels are not as good at every step")
    return holds


def _told(values: NDArray[np.float64]) -> str:
    """The mean, and the deviation where there is one."""
    spread = f" ± {100 * stdev(values):.2f}" if len(values) > 1 else ""
    return f"{mean(values):.2%}{spread}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="that a source arrives at")
    parser.add_argument("--real-data", type=Path, required=True, help=f"the folder with {REAL}.npz; without it only MNIST's digits arrive")
    parser.add_argument("--sizes", type=positive_list, default="50,100,200", help="numbers of labels (%(default)s)")
    parser.add_argument("--seeds", type=positive, default="3", help="trainings of each kind and size (%(default)s)")
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT)
    flags = parser.parse_args(arguments)
    holds = True
    try:
        reader = CanvasReader.of(flags.weights)
        for source in (foreign_hands(reader, flags.data_root), *real_pictures(reader, flags.real_data)):
            before = float(right(net.read(flags.weights), source.measured).mean())
            random, ordered = list[list[float]](), list[list[float]]()
            for seed in range(flags.seeds):
                for how, rows, choose in (("at random", random, at_random(source, seed)), ("as reviewed", ordered, as_reviewed(source))):
                    rows.append(accuracies(source, flags.weights, flags.sizes, choose, seed, flags.data_root))
                    told = ", ".join(f"{share:.2%} after {size}" for size, share in zip(flags.sizes, rows[-1], strict=True))
                    print(f"{source.name}, seed {seed}, {how}: {told}", flush=True)
            holds &= show(source, before, np.array(random), np.array(ordered), flags.sizes)
    except (CardError, SettingsError, TrainingError, ValueError, OSError, mnist.DataError) as err:
        sys.exit(f"{PROGRAM}: {err}")
    sys.exit(0 if holds else EXIT_FAILED)


if __name__ == "__main__":
    main()
