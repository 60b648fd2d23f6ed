"""The report of a judgement: gates, sets and groups with their intervals, the worst group, what was lost, and what would flip an answer."""

import base64
from pathlib import Path

import jinja2
import numpy as np
from matplotlib.figure import Figure

from digitkit.readers.digits.digit import LABELS, Canvas
from training.evaluate.plots import mistakes_figure, to_png
from training.judge.comparison import Comparison, Sitting
from training.judge.judgement import Judgement
from training.judge.pairs import share

REPORT = "verdict.html"
TEMPLATE = "verdict.html.jinja"
GROUPS, LOST = "groups.png", "lost.png"
SHOWN = 24  # pictures that the champion reads right and the challenger does not
OLD, NEW, RULE, INK = "#9ca3af", "#2563eb", "#e5e7eb", "#1f2937"


def write_report(verdict: Judgement, comparison: Comparison, sittings: list[Sitting], folder: Path) -> None:
    """Leave the page, which needs nothing beside it, and its pictures in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    images = {GROUPS: to_png(groups_figure(comparison)), LOST: to_png(lost_figure(sittings))}
    for name, content in images.items():
        (folder / name).write_bytes(content)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"percent": "{:.2%}".format, "points": "{:+.2f}".format, "share": share}
    embedded = {name: f"data:image/png;base64,{base64.b64encode(content).decode()}" for name, content in images.items()}
    page = environment.get_template(TEMPLATE).render(verdict=verdict, comparison=comparison, images=embedded, groups=GROUPS, lost=LOST)
    (folder / REPORT).write_text(page, encoding="utf-8")


def groups_figure(comparison: Comparison) -> Figure:
    """Each group's accuracy with its 95 % interval, of both models, the challenger's worst group at the top."""
    groups = sorted(comparison.groups, key=lambda group: float(group.challenger.mean()), reverse=True)
    figure = Figure(figsize=(9.6, 1.2 + 0.27 * len(groups)), layout="constrained")
    axes = figure.add_subplot()
    for offset, color, label in ((0.14, OLD, "champion"), (-0.14, NEW, "challenger")):
        shares = [share(group.champion if label == "champion" else group.challenger) for group in groups]
        heights = np.arange(len(groups)) + offset
        axes.hlines(heights, [100 * each.low for each in shares], [100 * each.high for each in shares], color=color, linewidth=1.6)
        axes.plot([100 * each.value for each in shares], heights, "o", color=color, markersize=4.5, label=label)
    axes.set_yticks(np.arange(len(groups)), [f"{group.name}  ({group.pictures:,})" for group in groups], color=INK)
    axes.set_xlabel("read right, %, with the 95 % interval", color=INK)
    axes.grid(axis="x", color=RULE)
    axes.set_axisbelow(True)
    axes.set_ylim(-0.7, len(groups) - 0.3)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    axes.legend(frameon=False, loc="lower left")
    return figure


def lost_figure(sittings: list[Sitting]) -> Figure:
    """Digits that the champion reads right and the challenger does not, as the champion sees them."""
    canvases: list[Canvas] = []
    captions = []
    lost = 0
    for sitting in sittings:
        exam, pair = sitting.judged.exam, sitting.pair()
        places = np.flatnonzero(pair.champion & ~pair.challenger & (exam.truths < len(LABELS)))
        lost += len(places)
        for i in places[: SHOWN - len(canvases)]:
            canvases.append(sitting.champion.canvases[i])
            captions.append((f"{exam.truths[i]} → {_told(int(sitting.challenger.digits[i]))}", exam.name[:14]))
    return mistakes_figure(canvases, captions, f"{lost:,} digits were read right by the champion alone; {len(canvases)} of them")


def _told(digit: int) -> str:
    return str(digit) if digit >= 0 else "refused"
