"""The end of `make run`: what was built, how well and how fast it answers, and how to ask it."""

import argparse
import sys
from pathlib import Path

import numpy as np
import requests
from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from deploy.model_list import DIGITS
from deploy.server import Server, ServerError
from deploy.settings.config import CONSOLE_DISTANCE, to_port
from deploy.settings.server_flags import add_server_flags
from deploy.smoke import Reading, SmokeError, listing, read_test_pictures
from digitkit.artifacts.card import CardError, check_card
from digitkit.pictures.codec import encode_png
from digitkit.readers.digits.digit import Canvas
from testbed.pictures import DATA_ROOT, PicturesError, load_canvases

SAMPLE = Path("run/sample.png")  # the test picture that the printed curl line sends
SHADES = " .:-=+*#%@"
SHOWN = 10


def draw(canvas: Canvas) -> str:
    """A canvas as text: 14 lines of 14 characters, each for 2 x 2 pixels."""
    grey = canvas.reshape(14, 2, 14, 2).mean(axis=(1, 3))
    rows = (grey / 256 * len(SHADES)).astype(int)
    return "\n".join("".join(SHADES[shade] for shade in row) for row in rows)


def panel(reading: Reading, canvas: Canvas) -> Panel:
    """A test picture under its label, with the answer of each model."""
    right = all(digit == reading.label for digit in reading.digits.values())
    answers = " ".join(str(digit) for digit in reading.digits.values())
    return Panel(
        draw(canvas),
        title=f"a {reading.label}",
        subtitle=f"read {answers} {'✓' if right else '✗'}",
        width=16,
        padding=0,
        border_style="green" if right else "red",
    )


def built(weights: Path, server: Server) -> Table:
    """A table of the accuracy, parameters and sizes of the weights and of everything that is served, from their cards."""
    card = check_card(weights)
    table = Table("artifact", "size", "sha256", title="Built")
    store = server.model_store
    files = [path for model in server.known() for path in (store / model.artifact, store / f"{model.name}.mar") if path.is_file()]
    for path in (weights, *files):
        own = check_card(path)
        table.add_row(f"{path.parent.name}/{path.name}", f"{own.bytes / 1000:,.0f} kB", own.sha256[:12])
    table.caption = (
        f"version {card.version}: MNIST test {card.accuracy['test']:.2%}, seed {card.recipe['seed']}, {card.parameters:,} parameters,"
        f" trained in {card.accuracy['training_s']:.0f} s"
    )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="deploy.summary", description=__doc__)
    add_server_flags(parser)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT)
    flags = parser.parse_args()
    server, console = Server(flags.port, models=flags.models), Console(highlight=False)
    try:
        test = load_canvases(flags.data_root)
        chosen = [int(np.flatnonzero(test.labels == digit)[0]) for digit in range(SHOWN)]
        readings = read_test_pictures(server, test, chosen)
        models, table = [model.name for model in server.known(DIGITS)], built(flags.weights, server)
        token = server.token()
    except (ServerError, SmokeError, CardError, OSError, ValueError, PicturesError, requests.RequestException) as err:
        sys.exit(f"{parser.prog}: {err}")
    SAMPLE.write_bytes(encode_png(test.pictures[chosen[7]]))
    console.print()
    console.print(table)
    console.print(Columns([panel(reading, test.pictures[reading.index]) for reading in readings], padding=(0, 0)))
    console.print(f"Each was read by {listing(models)}, in this order. Ask it yourself:\n")
    header = f"-H 'Authorization: Bearer {token}' " if token else ""
    print(f"  curl {header}-T {SAMPLE} {server.inference}/predictions/{models[0]}\n")
    suffix = "" if flags.port == to_port("") else f" PORT={flags.port}"
    page = f"http://127.0.0.1:{server.port + CONSOLE_DISTANCE}/"
    print(f"Or draw one, and see how the server fares: make console{suffix} serves a page at {page}\n")
    report = Path("reports", flags.weights.parent.name, "report.html")
    print(f"The model's report: {report}   The load test's: reports/loadtest/steady/report.html   To stop it: make stop{suffix}")


if __name__ == "__main__":
    main()
