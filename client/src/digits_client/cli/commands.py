"""The commands of `digits`: thin, since all that they do is done by the client and by the files beside this one."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from digits_client.blocking import Client
from digits_client.cli.finding import DOCUMENTS, NamedPicture, find
from digits_client.cli.places import DEFAULT_URL, KINDS, Place
from digits_client.cli.printing import DIGIT_COLUMNS, NUMBER_COLUMNS, Told, layout_of, print_answers, with_progress
from digits_client.cli.watching import ServedVersion, watch
from digits_client.errors import DigitsError, Refused
from digits_client.options import URL_VARIABLE, Options
from digits_client.tokens import INFERENCE

FAILED = 1  # something could not be read; 2 is a wrong command line
MANAGEMENT_DISTANCE, METRICS_DISTANCE = 1, 2  # of TorchServe's ports from that of the inference API
CHANGED, LITTLE = 0.25, 0.1  # drift by convention: a large change from the first on, none up to the second

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
Pictures = Annotated[list[str], typer.Argument(help="Files, folders, patterns, or - for standard input.", metavar="PICTURE...")]
AsJson = Annotated[bool, typer.Option("--json", help="A JSON object in a line for each picture.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Comma-separated values.")]
Model = Annotated[str, typer.Option(help="The model, also with a version, as digits_onnx/1.0.")]
NumbersModel = Annotated[str, typer.Option("--model", help="The model that reads numbers.")]


@app.callback()
def place(
    context: typer.Context,
    url: Annotated[str, typer.Option(envvar=URL_VARIABLE, help="The server, http(s):// or grpc(s)://.")] = DEFAULT_URL,
    key_file: Annotated[str, typer.Option(envvar="DIGITS_KEY_FILE", help="TorchServe's file of tokens.")] = "",
) -> None:
    """Read digits and numbers in pictures by a digit server.

    The token is that of the key file, of the variable DIGITS_TOKEN, or of a server that was started from this folder.
    """
    context.obj = Place(url, key_file)


@app.command()
def read(context: typer.Context, pictures: Pictures, model: Model = "digits", as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """Read the digit in each picture. Exit code 1 if some could not be read."""
    named = find(pictures)
    with ending(), context.obj.client(Options(model=model)) as client:
        answers = zip((each.name for each in named), client.read_many(each.picture for each in named), strict=True)
        end(print_answers(with_progress(answers, len(named)), layout_of(as_json=as_json, as_csv=as_csv), DIGIT_COLUMNS))


@app.command()
def numbers(
    context: typer.Context,
    pictures: Pictures,
    format: Annotated[str, typer.Option(help="What the numbers are, as amount, date or length=8.")] = "",
    template: Annotated[str, typer.Option(help="Where they stand: a template's name, or a file of JSON.")] = "",
    pages: Annotated[str, typer.Option(help="Which pages are read, as 3, 3-7 or 8-.")] = "",
    words: Annotated[str, typer.Option(help="The amount in words.")] = "",
    model: NumbersModel = "numbers",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Read the numbers in each picture or document. Exit code 1 if some could not be read."""
    named = find(pictures, DOCUMENTS)
    with ending(), context.obj.client(Options(numbers_model=model)) as client:
        layout = Path(template).read_text() if template.endswith(".json") else template
        answers = (numbers_in(client, each, format=format, template=layout, pages=pages, words=words) for each in named)
        end(print_answers(with_progress(answers, len(named)), layout_of(as_json=as_json, as_csv=as_csv), NUMBER_COLUMNS))


@app.command()
def explain(
    context: typer.Context,
    picture: Annotated[str, typer.Argument(help="A file, or - for standard input.")],
    out: Annotated[Path, typer.Option(help="The PNG that is written.")],
    target: Annotated[int | None, typer.Option(min=0, max=9, help="The digit to explain, if not the one that is read.")] = None,
    model: Model = "digits",
) -> None:
    """Write a picture of which pixels speak for a digit (red) and against it (blue)."""
    (named,) = find([picture])
    with ending(), context.obj.client(Options(model=model)) as client:
        out.write_bytes(client.draw_explanation(named.picture, target=target))
    print(f"{out} shows which pixels of {named.name} speak for the digit")


@app.command()
def status(
    context: typer.Context,
    seconds: Annotated[float, typer.Option(min=0, help="How long the rates are measured. Workers tell their pictures every 5 s.")] = 5.0,
    management: Annotated[str, typer.Option(envvar="DIGITS_MANAGEMENT_URL", help="One port above the server, if not named.")] = "",
    metrics: Annotated[str, typer.Option(envvar="DIGITS_METRICS_URL", help="Two ports above the server, if not named.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show the models, versions, devices, workers, rates and drift of a server."""
    asked: Place = context.obj
    urls = management or asked.beside(MANAGEMENT_DISTANCE), metrics or asked.beside(METRICS_DISTANCE)
    with ending():
        source = asked.token("management").source
        token = source if isinstance(source, str) else str(source())
        served = watch(urls[0].rstrip("/"), token, urls[1].rstrip("/"), seconds)
    if as_json:
        print(json.dumps([asdict(each) for each in served]))
    else:
        Console().print(status_table(served))
    end(sum(each.ready < each.wanted for each in served))


@app.command()
def token(
    context: typer.Context,
    kind: Annotated[str, typer.Option(help=f"One of {', '.join(KINDS)}.")] = INFERENCE,
    show: Annotated[bool, typer.Option("--show", help="Print the token itself, and nothing else.")] = False,
) -> None:
    """Tell where the token comes from and until when it is valid."""
    if kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is no kind of token; there are {', '.join(KINDS)}")
    found = context.obj.token(kind)
    with ending():
        text = found.source if isinstance(found.source, str) else str(found.source())
    if show and text:
        print(text)
        return
    until = f", valid until {found.expires.astimezone():%Y-%m-%d %H:%M}" if found.expires else ""
    print(f"the {kind} token comes from {found.words}{until}", file=sys.stderr if show else sys.stdout)
    end(not text)


def numbers_in(client: Client, named: NamedPicture, **known: str) -> Told:
    """What is read in one picture, or the error of that picture."""
    try:
        return named.name, client.read_numbers(named.picture, **known)
    except Refused as refusal:
        if not refusal.concerns_picture:
            raise
        return named.name, refusal


def status_table(served: list[ServedVersion]) -> Table:
    """A row for each version."""
    table = Table()
    for heading in ("model", "version", "device", "workers", "waiting", "requests/s", "pictures/s", "drift"):
        table.add_column(heading, no_wrap=heading in ("model", "version"))
    for each in served:
        cells = (f"{each.ready} of {each.wanted}", str(each.waiting), f"{each.requests_s:,.1f}", f"{each.pictures_s:,.1f}")
        version = f"{each.version}{', default' if each.is_default else ''}"
        table.add_row(each.model, version, each.device, *cells, drift_cell(each), style="red" if each.ready < each.wanted else None)
    return table


def drift_cell(served: ServedVersion) -> Text:
    """The largest index, and what it is of."""
    name, worst = max(served.drift.items(), key=lambda item: item[1], default=("", 0.0))
    colour = "red" if worst >= CHANGED else "yellow" if worst > LITTLE else ""
    return Text(f"{name} {worst:.2f}" if name else "", style=colour)


@contextmanager
def ending() -> Iterator[None]:
    """End with one sentence and exit code 1 on an error of the client, and on a file that cannot be written."""
    try:
        yield
    except (DigitsError, OSError) as err:
        print(f"digits: {err}", file=sys.stderr)
        raise typer.Exit(FAILED) from err


def end(failed: int) -> None:
    """End with exit code 1 if anything failed."""
    if failed:
        raise typer.Exit(FAILED)
