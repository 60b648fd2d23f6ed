"""The summary of a load test as a web page in one file: nothing is fetched, so it can be mailed or kept."""

import base64
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from loadtest.results.curves import draw_latency, draw_ramp, draw_seconds
from loadtest.results.figures import MEASURES
from loadtest.results.overview import KIND_COLUMNS, STAGE_COLUMNS, Summary, conclusions, failures, kind_cells, stage_cells

PAGE: Final = "report.html"


def write_page(summary: Summary, folder: Path) -> None:
    """Write report.html, which links to Locust's own page of each target beside it."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    html = templates.get_template(f"{PAGE}.j2").render(
        summary=summary,
        rows=summary.rows(),
        limits=sum(len(summary.checks(result)) for result in summary.targets),
        measures=MEASURES,
        conclusions=list(conclusions(summary)),
        failures=list(failures(summary)),
        changes=summary.changes(),
        stages={result.target: [stage_cells(stage) for stage in result.stages] for result in summary.targets},
        stage_columns=STAGE_COLUMNS,
        kinds={result.target: [kind_cells(kind, result) for kind in result.kinds] for result in summary.targets},
        kind_columns=KIND_COLUMNS,
        plots=_plots(summary),
    )
    (folder / PAGE).write_text(html)


def _plots(summary: Summary) -> dict[str, str]:
    """PNG files in base64, by their heading."""
    if any(stage.held is not None for result in summary.targets for stage in result.stages):
        drawn = {"Up to the knee": draw_ramp(summary)}
    else:
        drawn = {"Latency": draw_latency(summary), "Second by second": draw_seconds(summary)}
    return {heading: base64.b64encode(png).decode() for heading, png in drawn.items()}
