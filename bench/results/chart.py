"""The plot of a run: throughput and latency over the number of connections."""

import statistics
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from bench.contenders.targets import ours, targets
from bench.rounds import RoundRow

COLOURS = [f"tab:{name}" for name in ("blue", "gray", "cyan", "orange", "red", "green", "purple", "brown", "pink", "olive")]
COLOURS += ["navy", "gold"]
MARKERS = ("o", "s", "^", "D")


def plot(path: Path, rows: Sequence[RoundRow]) -> None:
    """Draw right answers a second on the left, p50 and p99 on the right; each target has a colour, and ours have thick lines.

    Latencies are left out if most answers were refusals, which are fast.
    """
    own_names = ours()
    colours = dict(zip((name for name, target in targets().items() if target.pictures <= 1), cycle(COLOURS), strict=False))
    singles = [row for row in rows if row.target in colours]
    markers = dict(zip(sorted({row.workers for row in singles}), MARKERS, strict=False))
    figure = Figure(figsize=(12, 6), layout="constrained")
    rate, latency = figure.subplots(1, 2)
    for target, workers in sorted({(row.target, row.workers) for row in singles}, key=lambda key: (list(colours).index(key[0]), key[1])):
        own = [row for row in singles if (row.target, row.workers) == (target, workers)]
        answered = [row for row in own if not row.is_overloaded]
        label = target + (f", {workers} workers" if workers > 1 else "")
        style = {"color": colours[target], "linewidth": 2.5 if target in own_names else 1.2, "marker": markers[workers], "markersize": 5}
        _line(rate, own, "answers_s", label=label, **style)
        _line(latency, answered, "p50_ms", **style)
        _line(latency, answered, "p99_ms", linestyle=":", **style)
    for axes, title in (rate, "right answers a second"), (latency, "latency in ms: p50, dotted p99"):
        _finish(axes, title, sorted({row.connections for row in singles}))
    figure.legend(*rate.get_legend_handles_labels(), loc="outside lower center", ncols=6)
    figure.savefig(path, dpi=120)


def _line(axes: Axes, rows: Sequence[RoundRow], name: str, **style: object) -> None:
    """The medians of a figure over the connections, with the range of the rounds as bars."""
    counts = sorted({row.connections for row in rows})
    values = [[getattr(row, name) for row in rows if row.connections == count] for count in counts]
    medians = [statistics.median(each) for each in values]
    low = [median - min(each) for median, each in zip(medians, values, strict=True)]
    high = [max(each) - median for median, each in zip(medians, values, strict=True)]
    axes.errorbar(counts, medians, yerr=[low, high], capsize=2, **style)  # type: ignore[arg-type]


def _finish(axes: Axes, title: str, counts: Sequence[int]) -> None:
    axes.set(xscale="log", yscale="log", xlabel="connections", title=title)
    axes.set_xticks(counts, map(str, counts))
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))  # ticks at powers of ten alone are too few for latencies
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    axes.grid(alpha=0.3)
