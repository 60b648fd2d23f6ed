"""The figures of the report: arrays in, matplotlib figures out, without pyplot and so without any global state."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, StrMethodFormatter
from numpy.typing import NDArray

from digitkit.readers.digits.digit import LABELS, SIDE_PX, Canvas

Floats = NDArray[np.float64]

DPI = 150
INK, MUTED, RULE = "#1f2937", "#6b7280", "#e5e7eb"
RIGHT, PALE, SHADE, WRONG = "#2563eb", "#dbeafe", "#93c5fd", "#c2410c"
PERCENT = FuncFormatter(lambda share, _: f"{100 * share:g}%")
GRID_SIDE = 8  # mistakes stand in rows of 8
# Edges of the bins of doubt, 1 - confidence, two bins a decade: a good net leaves nearly every picture in the first few.
DOUBT_EDGES = np.array([0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0])
RATE_TICKS = (0.1, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)  # of the logit axis, which has 100 % at infinity
Z_95 = 1.96  # standard deviations on either side of the mean that hold 95 % of a normal distribution


@dataclass(frozen=True, slots=True)
class Bins:
    """Pictures grouped by a value such as their confidence; bins without a picture are left out.

    Attributes:
        low, high: the edges of each bin, (B,).
        counts: pictures in it, (B,).
        value: the mean of their values, (B,).
        rate: the share of them for which the event was true, (B,), 0 to 1.
    """

    low: Floats
    high: Floats
    counts: NDArray[np.int64]
    value: Floats
    rate: Floats


def to_bins(values: Floats, event: NDArray[np.bool_], edges: Floats) -> Bins:
    """Group N values, and whether the event was true of each, by `edges`; the last bin holds its upper edge too."""
    index = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    counts = np.bincount(index, minlength=len(edges) - 1)
    used = counts > 0
    value, rate = (np.bincount(index, weights=weights, minlength=len(counts))[used] / counts[used] for weights in (values, event))
    return Bins(edges[:-1][used], edges[1:][used], counts[used], value, rate)


def wilson_interval(rate: Floats, counts: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """The lower and upper ends, 0 to 1, of the 95 % interval of a rate that was seen in `counts` pictures.

    Source: Wilson, Probable inference, the law of succession, and statistical inference (1927).
    """
    scale = 1 + Z_95**2 / counts
    centre = (rate + Z_95**2 / (2 * counts)) / scale
    half = Z_95 * np.sqrt(rate * (1 - rate) / counts + (Z_95 / (2 * counts)) ** 2) / scale
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def to_png(figure: Figure) -> bytes:
    """The figure as the bytes of a PNG file: the same figure, the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def confusion_figure(counts: NDArray[np.int64]) -> Figure:
    """Every count of a confusion matrix (10, 10), rows the truth, columns the answer; the darker, the more mistakes."""
    figure = Figure(figsize=(6.4, 6.4), layout="constrained")
    axes = figure.add_subplot()
    on_diagonal = np.eye(len(LABELS), dtype=bool)
    mistakes = np.where(on_diagonal, 0, counts)
    axes.imshow(np.ma.masked_equal(on_diagonal, False), cmap=ListedColormap([PALE]))
    # The scale reaches beyond both ends, so that one mistake shows and the number on the worst cell stays readable.
    axes.imshow(np.ma.masked_equal(mistakes, 0), cmap="Oranges", vmin=-mistakes.max() / 5, vmax=mistakes.max() * 1.7 + 1)
    for truth, answer in np.argwhere(counts):
        colour, weight = (RIGHT, "bold") if truth == answer else (INK, "normal")
        axes.text(answer, truth, f"{counts[truth, answer]:,}", ha="center", va="center", color=colour, weight=weight)
    _label(axes, "answered", "true digit")
    axes.set_xticks(LABELS, [str(digit) for digit in LABELS])
    axes.set_yticks(LABELS, [str(digit) for digit in LABELS])
    axes.set_xticks(np.arange(-0.5, len(LABELS)), minor=True)
    axes.set_yticks(np.arange(-0.5, len(LABELS)), minor=True)
    axes.grid(which="minor", color=RULE, linewidth=0.8, clip_on=False)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    return figure


def roc_figure(curves: Sequence[tuple[Floats, Floats]], areas: Sequence[float]) -> Figure:
    """One ROC curve a digit, both axes stretched towards the corner in which the curves differ.

    Args:
        curves: of each digit its false and its true positive rates, 0 to 1, ascending.
        areas: of each digit the area under its curve, 0 to 1.
    """
    figure = Figure(figsize=(9.6, 5.4), layout="constrained")
    axes = figure.add_subplot()
    smallest = min(false_rate[false_rate > 0].min() for false_rate, _ in curves)
    complete = max(false_rate[true_rate >= 1].min() for false_rate, true_rate in curves)
    lowest = min(true_rate[false_rate <= smallest].max() for false_rate, true_rate in curves)
    axes.set(xscale="log", xlim=(smallest / 1.5, min(max(complete * 2, smallest * 10), 1)))
    axes.set_yscale("logit", nonpositive="clip")  # before any curve: it cannot scale itself to one that reaches 100 %
    axes.set_yticks(RATE_TICKS)
    axes.set_ylim(np.clip(1 - (1 - lowest) * 1.5, 0.01, 0.99), 1 - 5e-4)
    _label(axes, "false positive rate, log scale", "true positive rate, logit scale")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PERCENT)
    axes.minorticks_off()
    axes.grid(color=RULE, linewidth=0.8)
    for digit, ((false_rate, true_rate), area) in enumerate(zip(curves, areas, strict=True)):
        dashes = "-" if digit % 2 == 0 else (0, (4, 1.2))
        colour, label = colormaps["tab10"](digit), f"{digit}   {area:.6f}"
        axes.step(false_rate, true_rate, where="post", color=colour, linestyle=dashes, linewidth=1.7, label=label)
    figure.legend(title="digit   AUC", loc="outside right upper", frameon=False, alignment="left", labelcolor=INK)
    return figure


def reliability_figure(confidences: Floats, correct: NDArray[np.bool_], *, bins: int, ece: float) -> Figure:
    """Confidence against what came true: the bins of the ECE, and the doubts on logarithmic axes; counts below each.

    Args:
        confidences: (N,), 0 to 1.
        correct: (N,), whether the answer was right.
        bins: equal steps of confidence from 0 to 1, as the ECE has them.
        ece: the expected calibration error, 0 to 1.
    """
    figure = Figure(figsize=(11.6, 5.8), layout="constrained")
    panels = figure.subplot_mosaic([["accuracy", "error"], ["sure", "unsure"]], height_ratios=[3, 1.25])
    _accuracy_panel(panels["accuracy"], panels["sure"], to_bins(confidences, correct, np.linspace(0, 1, bins + 1)))
    _error_panel(panels["error"], panels["unsure"], to_bins(1 - confidences, ~correct, DOUBT_EDGES))
    panels["accuracy"].set_title(f"right answers by confidence, ECE {ece:.4f}", fontsize=11, color=INK)
    panels["error"].set_title("wrong answers by doubt, on logarithmic axes", fontsize=11, color=INK)
    handles, labels = panels["error"].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, labelcolor=INK)
    return figure


def _accuracy_panel(axes: Axes, below: Axes, bins: Bins) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle=":")
    axes.bar(bins.low, bins.rate, bins.high - bins.low, align="edge", color=PALE, edgecolor="white")
    _intervals(axes, bins)
    below.bar(bins.low, bins.counts, bins.high - bins.low, align="edge", color=SHADE, edgecolor="white")
    _count(below, (bins.low + bins.high) / 2, bins.counts)
    _label(axes, "", "share of right answers")
    _label(below, "confidence", "pictures")
    for panel in (axes, below):
        panel.set_xlim(0, 1.01)
        panel.xaxis.set_major_formatter(PERCENT)
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(PERCENT)
    axes.tick_params(labelbottom=False)


def _error_panel(axes: Axes, below: Axes, bins: Bins) -> None:
    floor = DOUBT_EDGES[1] / 5  # the first bin reaches down to a doubt of 0, which a logarithmic axis cannot show
    low = np.maximum(bins.low, floor)
    axes.plot([floor, 1], [floor, 1], color=MUTED, linestyle=":", label="perfectly calibrated")
    _intervals(axes, bins)
    below.bar(low, bins.counts, bins.high - low, align="edge", color=SHADE, edgecolor="white")
    _count(below, np.sqrt(low * bins.high), bins.counts)
    _label(axes, "", "share of wrong answers")
    _label(below, "doubt, 1 - confidence", "pictures")
    axes.set(yscale="log", ylim=(floor, 1))
    axes.yaxis.set_major_formatter(PERCENT)
    for panel in (axes, below):
        panel.set(xscale="log", xlim=(floor, 1))
        panel.xaxis.set_major_formatter(PERCENT)
        panel.minorticks_off()
    axes.tick_params(labelbottom=False)


def _intervals(axes: Axes, bins: Bins) -> None:
    """The rate that was seen in each bin, with its 95 % interval."""
    low, high = wilson_interval(bins.rate, bins.counts)
    axes.vlines(bins.value, low, high, color=RIGHT, linewidth=1.4, alpha=0.6, label="95% interval")
    axes.plot(bins.value, bins.rate, "o", color=RIGHT, markersize=5, label="seen, at the mean of the bin")


def _count(axes: Axes, centres: Floats, counts: NDArray[np.int64]) -> None:
    axes.set(yscale="log", ylim=(0.5, counts.max() * 12))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.minorticks_off()
    for centre, count in zip(centres, counts, strict=True):
        axes.annotate(f"{count:,}", (centre, count), (0, 2), textcoords="offset points", ha="center", fontsize=8, color=INK)


def mistakes_figure(canvases: Sequence[Canvas], captions: Sequence[tuple[str, str]], title: str) -> Figure:
    """The canvases, eight in a row, ink dark on light, each with one caption above and one below."""
    rows = max(1, math.ceil(len(canvases) / GRID_SIDE))
    width, height = SIDE_PX + 4, SIDE_PX + 13  # of a canvas with its captions and the gaps around them
    figure = Figure(figsize=(9.6, 0.3 + 9.6 * rows * height / (GRID_SIDE * width)), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=12, color=INK)
    for place, (canvas, (above, below)) in enumerate(zip(canvases, captions, strict=True)):
        row, column = divmod(place, GRID_SIDE)
        left, top = column * width + 2, row * height + 8
        middle, bottom = left + SIDE_PX / 2, top + SIDE_PX
        axes.imshow(canvas, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest", extent=(left, left + SIDE_PX, bottom, top))
        axes.add_patch(Rectangle((left, top), SIDE_PX, SIDE_PX, fill=False, edgecolor=RULE))
        axes.text(middle, top - 1, above, fontsize=12, color=WRONG, ha="center", va="bottom")
        axes.text(middle, bottom + 1, below, fontsize=9, color=MUTED, ha="center", va="top")
    axes.set(xlim=(0, GRID_SIDE * width), ylim=(rows * height, 0))
    axes.set_axis_off()
    return figure


def examples_figure(panels: Sequence[tuple[str, Sequence[Canvas], Sequence[Canvas]]]) -> Figure:
    """Panels four in a row, each with a title, a row of pictures and under each the canvas that is made of it."""
    rows = math.ceil(len(panels) / 4)
    figure = Figure(figsize=(16, 1.35 * rows), layout="constrained")
    for axes, (title, pictures, canvases) in zip(figure.subplots(rows, 4, squeeze=False).flat, panels, strict=False):
        lines = [np.hstack([np.pad(one, 2, constant_values=128) for one in line]) for line in (pictures, canvases)]
        axes.imshow(np.vstack(lines), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_title(title, fontsize=9, color=INK)
    for axes in figure.axes:
        axes.set_axis_off()
    return figure


def _label(axes: Axes, horizontal: str, vertical: str) -> None:
    axes.set_xlabel(horizontal, color=INK)
    axes.set_ylabel(vertical, color=INK)
    axes.tick_params(which="both", color=RULE, labelcolor=MUTED)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
