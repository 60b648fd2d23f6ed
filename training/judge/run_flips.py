"""What flips a model's answers, and whether its explanations point at what matters: `python -m training.judge.run_flips --weights …`."""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from digitkit.artifacts.card import CardError
from digitkit.readers.digits import net
from digitkit.readers.digits.digit import LABELS
from digitkit.readers.digits.explain import occlusion
from training.data import mnist
from training.evaluate.plots import to_png
from training.judge.faithfulness import by_chance, mean_faithfulness
from training.judge.flips import Flip, flip

SHEET = "flips.png"
COLUMNS = 5
PAINTED, ERASED = (37, 99, 235), (234, 88, 12)  # colours of ink that came and that went


def colours(flipped: Flip) -> np.ndarray:
    """Both canvases side by side, uint8 (28, 59, 3), ink dark on light; in the second what was painted is blue, what was erased orange."""
    before, kept = (
        255 - np.repeat(ink[..., None], 3, axis=2).astype(float) for ink in (flipped.before, np.minimum(flipped.before, flipped.after))
    )
    for ink, colour in ((flipped.erased, ERASED), (flipped.painted, PAINTED)):
        share = ink[..., None] / 255
        kept = kept * (1 - share) + np.array(colour) * share
    return np.hstack([before, np.full((before.shape[0], 3, 3), 255.0), kept]).astype(np.uint8)


def flips_figure(flips: list[Flip]) -> Figure:
    """Each canvas beside that which is read otherwise."""
    rows = -(-len(flips) // COLUMNS)
    figure = Figure(figsize=(12, 0.4 + 1.45 * rows), layout="constrained")
    for axes, flipped in zip(figure.subplots(rows, COLUMNS, squeeze=False).flat, flips, strict=False):
        axes.imshow(colours(flipped), interpolation="nearest")
        axes.set_title(f"{flipped.read} → {flipped.then}, {flipped.ink:.0f} px", fontsize=10)
    for axes in figure.axes:
        axes.set_axis_off()
    figure.suptitle("A small change of ink turns each answer: blue is painted, orange erased", fontsize=11)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.judge.run_flips", description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=20, help="of MNIST's test split, as many of each digit (%(default)s)")
    parser.add_argument("--out", type=Path, help=f"folder of {SHEET} (reports/RUN, by the weights' own folder)")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT)
    flags = parser.parse_args()
    if flags.pictures < len(LABELS):
        parser.error(f"--pictures is {flags.pictures}; at least {len(LABELS)} are accepted")
    try:
        model, test = net.read(flags.weights), mnist.load_test(flags.data_root)
    except (CardError, ValueError, OSError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")
    cpu = torch.device("cpu")
    run = net.as_run(model, cpu)
    chosen = np.concatenate([np.flatnonzero(test.labels == digit)[: flags.pictures // len(LABELS)] for digit in LABELS])
    canvases = test.pictures[chosen]
    found = [flipped for flipped in (flip(run, canvas) for canvas in canvases) if flipped]
    folder = flags.out or Path("reports") / flags.weights.parent.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SHEET).write_bytes(to_png(flips_figure(found)))
    table = Table("explanation", "deletion, less is better", "insertion, more is better", title=f"{len(canvases)} test pictures")
    for name, explain in (("integrated gradients", net.integrated_gradients(model, cpu)), ("occlusion", occlusion(run))):
        table.add_row(name, *(f"{value:.3f}" for value in mean_faithfulness(run, explain, canvases)))
    table.add_row("the same ink at random", *(f"{value:.3f}" for value in by_chance(run, canvases, np.random.default_rng(0))))
    Console(highlight=False).print(table)
    inks = sorted(flipped.ink for flipped in found)
    print(f"{len(found)} of {len(canvases)} answers turn, after {np.median(inks):.1f} px of ink in the median: {folder / SHEET}")


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
