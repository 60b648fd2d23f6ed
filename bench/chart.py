"""The plot of a run: throughput and latency over the number of connections."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.rounds import Row
from bench.targets import OURS, TARGETS

COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown", "tab:pink", "tab:olive", "tab:cyan")


def plot(path: Path, rows: Sequence[Row]) -> None:
    """Right answers a second on the left, p50 with p99 above it on the right, a line for each target; ours are thick."""
    singles = [row for row in rows if row.target in TARGETS and TARGETS[row.target].pictures <= 1]
    figure = Figure(figsize=(12, 5.5), layout="constrained")
    rate, latency = figure.subplots(1, 2)
    for i, (target, workers) in enumerate(dict.fromkeys((row.target, row.workers) for row in singles)):
        own = [row for row in singles if (row.target, row.workers) == (target, workers)]
        label = target + (f", {workers} workers" if workers > 1 else "")
        style = {"color": COLOURS[i % len(COLOURS)], "linewidth": 2.5 if target in OURS else 1.2, "marker": "o", "markersize": 4}
        _line(rate, own, "answers_s", label=label, **style)
        _line(latency, own, "p50_ms", label=label, **style)
        _line(latency, own, "p99_ms", linestyle=":", **style)
    counts = sorted({row.connections for row in singles})
    for axes, title in (rate, "right answers a second"), (latency, "latency in ms: p50, dotted p99"):
        axes.set(xscale="log", yscale="log", xlabel="connections", title=title)
        axes.set_xticks(counts, map(str, counts))
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    figure.legend(*rate.get_legend_handles_labels(), loc="outside lower center", ncols=6)
    figure.savefig(path, dpi=120)


def _line(axes: Axes, rows: Sequence[Row], name: str, **style: object) -> None:
    """The medians of a figure over the connections, with the range of the rounds as bars."""
    counts = sorted({row.connections for row in rows})
    values = [[getattr(row, name) for row in rows if row.connections == count] for count in counts]
    medians = [statistics.median(each) for each in values]
    low = [median - min(each) for median, each in zip(medians, values, strict=True)]
    high = [max(each) - median for median, each in zip(medians, values, strict=True)]
    axes.errorbar(counts, medians, yerr=[low, high], capsize=2, **style)  # type: ignore[arg-type]
