"""The plots of the report, each a PNG of 1440 px width."""

import io
import math
from itertools import cycle
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from loadtest.results.figures import Window
from loadtest.results.overview import Summary

COLOURS: Final = ("#2463c4", "#c2570c", "#0f766e", "#7c3aed")  # of the targets, in turn; they can be told apart in grey print too
SOFT: Final = "#5b6472"
FAINT: Final = "#8a94a6"
TICKS_MS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)


def draw_latency(summary: Summary) -> bytes:
    """Latency in ms, logarithmic, over the share of requests that were faster: a line for each target, with its budgets."""
    figure = Figure(figsize=(7.2, 3.0), dpi=200, layout="constrained")
    axes = figure.add_subplot()
    for result, colour in zip(summary.targets, cycle(COLOURS), strict=False):
        shares, latencies_ms = list(result.percentiles_ms), list(result.percentiles_ms.values())
        axes.plot(shares, [max(1.0, ms) for ms in latencies_ms], marker="o", markersize=4, color=colour, label=result.target)
        limits = {str(int(check.figure[1:3]) / 100): check.limit for check in summary.checks(result) if check.figure.endswith("_ms")}
        axes.plot(list(limits), list(limits.values()), "_", markersize=22, markeredgewidth=2, color=colour, alpha=0.55)
    axes.plot([], [], "_", markersize=14, markeredgewidth=2, color=FAINT, label="its budget")
    _style_ms(axes)
    labels = [f"{float(tick.get_text()) * 100:g} %" for tick in axes.get_xticklabels()]
    axes.set_xticks(range(len(labels)), labels)
    axes.set_xlabel("share of requests", color=SOFT)
    return _to_png(figure, columns=len(summary.targets) + 1)


def draw_seconds(summary: Summary) -> bytes:
    """Right answers a second, failures, p50 and p99 over the time of the test, with the load."""
    figure = Figure(figsize=(7.2, 4.6), dpi=200, layout="constrained")
    rates, latencies = figure.subplots(2, 1, sharex=True)
    for result, colour in zip(summary.targets, cycle(COLOURS), strict=False):
        at_s = [window.start_s + window.seconds / 2 for window in result.seconds]
        rates.plot(at_s, [window.rps for window in result.seconds], color=colour, label=result.target)
        failed = [window.failures / window.seconds or math.nan for window in result.seconds]
        rates.plot(at_s, failed, "x", color=colour, markersize=5)
        latencies.plot(at_s, [_or_gap(w.p50_ms, w) for w in result.seconds], color=colour, linewidth=0.8, linestyle="--")
        latencies.plot(at_s, [_or_gap(w.p99_ms, w) for w in result.seconds], color=colour)
    first = summary.targets[0].seconds
    if summary.workload == "open":
        rates.step([w.start_s for w in first], [w.load for w in first], where="post", color=FAINT, linewidth=1, label="arrivals")
    latencies.plot([], [], color=FAINT, label="p99")
    latencies.plot([], [], color=FAINT, linewidth=0.8, linestyle="--", label="p50")
    rates.plot([], [], "x", color=FAINT, markersize=5, label="failures")
    _style(rates)
    rates.set_ylim(bottom=0)
    rates.set_ylabel("a second", color=SOFT)
    _style_ms(latencies)
    latencies.set_xlabel("seconds after the warm-up", color=SOFT)
    return _to_png(figure, columns=len(summary.targets) + 4)


def draw_ramp(summary: Summary) -> bytes:
    """p99 in ms over the arrival rate, both logarithmic: a line for each target, with its budget and its knee."""
    figure = Figure(figsize=(7.2, 3.4), dpi=200, layout="constrained")
    axes = figure.add_subplot()
    for result, colour in zip(summary.targets, cycle(COLOURS), strict=False):
        steps = sorted(result.stages, key=lambda step: step.load)
        axes.plot([step.load for step in steps], [max(1.0, step.p99_ms) for step in steps], color=colour, label=result.target)
        for step in steps:
            axes.plot(step.load, max(1.0, step.p99_ms), "o" if step.held else "x", color=colour, markersize=5)
        if result.knee:
            axes.axvline(result.knee.load, color=colour, linewidth=0.8, linestyle=":")
            axes.annotate(
                f"knee {result.knee.load:,.0f}/s", (result.knee.load, 0.02), xycoords=("data", "axes fraction"),
                rotation=90, ha="right", color=colour, fontsize=8,
            )  # fmt: skip
        axes.axhline(summary.budgets[result.target]["p99_ms"], color=colour, linewidth=1.5, alpha=0.4)
    axes.plot([], [], color=FAINT, linewidth=1.5, alpha=0.6, label="budget of p99")
    axes.plot([], [], "x", color=FAINT, label="does not hold")
    _style_ms(axes)
    axes.set_xscale("log")
    ticks: list[float] = []
    for load in sorted({step.load for result in summary.targets for step in result.stages}):
        ticks += [load] * (not ticks or load > 1.25 * ticks[-1])  # closer ones would overlap
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel("arrivals a second", color=SOFT)
    axes.set_ylabel("p99, ms", color=SOFT)
    return _to_png(figure, columns=len(summary.targets) + 2)


def _or_gap(value_ms: float, window: Window) -> float:
    """The value, or NaN for a second without an answer, which leaves a gap in the line."""
    return max(1.0, value_ms) if window.requests else math.nan


def _style(axes: Axes) -> None:
    axes.tick_params(colors=SOFT, length=0)
    axes.grid(axis="y", color="#e6e9ef")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#c9cfd9")


def _style_ms(axes: Axes) -> None:
    """A logarithmic axis of milliseconds."""
    _style(axes)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator(TICKS_MS))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_ylabel("ms", color=SOFT)


def _to_png(figure: Figure, columns: int) -> bytes:
    figure.legend(loc="outside upper left", ncols=columns, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
