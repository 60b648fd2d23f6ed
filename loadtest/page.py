"""The summary of a load test as a web page in one file: nothing is fetched, so it can be mailed or kept."""

import base64
import io
from itertools import cycle
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, ScalarFormatter

from loadtest.figures import MEASURES
from loadtest.report import Summary, failures

PAGE: Final = "report.html"
COLOURS: Final = ("#2463c4", "#c2570c", "#0f766e", "#7c3aed")  # by target, in turn; told apart in grey too
TICKS_MS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)


def write_page(summary: Summary, folder: Path) -> None:
    """Write report.html, which links to Locust's own page of each target beside it."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    html = templates.get_template(f"{PAGE}.j2").render(
        summary=summary,
        rows=list(zip(*map(summary.checks, summary.targets), strict=True)),
        measures=MEASURES,
        failures=list(failures(summary)),
        plot=base64.b64encode(draw_latency(summary)).decode(),
    )
    (folder / PAGE).write_text(html)


def draw_latency(summary: Summary) -> bytes:
    """A PNG, 1440 x 600 px: latency in ms, logarithmic, over the share of requests that were faster, one line a target."""
    figure = Figure(figsize=(7.2, 3.0), dpi=200, layout="constrained")
    axes = figure.add_subplot()
    for result, colour in zip(summary.targets, cycle(COLOURS), strict=False):
        shares, latencies_ms = list(result.percentiles_ms), list(result.percentiles_ms.values())
        axes.plot(shares, latencies_ms, marker="o", markersize=4, color=colour, label=result.target)
        limits = {str(int(check.figure[1:3]) / 100): check.limit for check in summary.checks(result) if check.figure.endswith("_ms")}
        axes.plot(list(limits), list(limits.values()), "_", markersize=22, markeredgewidth=2, color=colour, alpha=0.55)
    axes.plot([], [], "_", markersize=14, markeredgewidth=2, color="#8a94a6", label="its budget")
    figure.legend(loc="outside upper left", ncols=len(summary.targets) + 1, frameon=False)
    _style(axes)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _style(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator(TICKS_MS))
    axes.yaxis.set_minor_locator(FixedLocator([]))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    labels = [f"{float(tick.get_text()) * 100:g} %" for tick in axes.get_xticklabels()]
    axes.set_xticks(range(len(labels)), labels)
    axes.set_xlabel("share of requests", color="#5b6472")
    axes.set_ylabel("ms, at most", color="#5b6472")
    axes.tick_params(colors="#5b6472", length=0)
    axes.grid(axis="y", color="#e6e9ef")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#c9cfd9")
