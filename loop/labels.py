"""Labels of kept pictures, out of a store and into one: `python -m loop.labels --store FOLDER --out FOLDER`, or --from."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from digitkit.collect.sample_store import SampleStore, StoreError
from digitkit.settings import Settings, SettingsError
from loop.desk import Desk
from loop.exchange.exchange_forms import FORMS
from loop.exchange.labelled import ExchangeError, Labelled, kept, take_in
from loop.place_flags import CONFIG, add_place_flags, open_existing, place_of
from testbed.command import ending


def write(store: SampleStore, folder: Path, form: str, *, has_open: bool) -> list[Labelled]:
    """Write the settled pictures of a store, and where `has_open` the others, into a folder that is empty or not there; what was written.

    Raises:
        ExchangeError: there is something in the folder already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ExchangeError(f"{folder} is not empty; name a folder that is, or that is not there yet")
    written = []
    for each, content in kept(store, has_open=has_open):
        path = folder / FORMS[form].room(each.label) / Path(each.path).name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        written.append(replace(each, path=str(path.relative_to(folder))))
    folder.mkdir(parents=True, exist_ok=True)
    FORMS[form].write(folder, written)
    return written


def read(store: SampleStore, folder: Path, form: str, by: str, settings: Settings) -> int:
    """Take the labels of a folder into a store, as what somebody said; how many.

    Raises:
        ExchangeError: it holds no labels in this form.
    """
    if settings.collect is None:
        raise SettingsError("the section collect is missing in model-config.yaml, which says how a picture is kept")
    count = take_in(Desk(store), folder, list(FORMS[form].read(folder)), by, settings.collect, settings.limits)
    if not count:
        raise ExchangeError(f"{folder} holds no labels in the form {form}")
    return count


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="loop.labels", description=__doc__)
    add_place_flags(parser)
    parser.add_argument("--form", choices=tuple(FORMS), default="folder")
    parser.add_argument("--out", type=Path, help="the folder to write to, which is empty or not there yet")
    parser.add_argument("--all", action="store_true", help="write pictures that are not settled, too, without a label")
    parser.add_argument("--from", type=Path, dest="source", help="the folder to read")
    parser.add_argument("--by", default="import", help="whose labels are read")
    parser.add_argument("--config", type=Path, default=CONFIG, help="the model-config.yaml of the server")
    flags = parser.parse_args(arguments)
    if (flags.out is None) == (flags.source is None):
        parser.error("say either --out or --from")
    with ending(parser.prog, StoreError, ExchangeError, SettingsError):
        store = open_existing(place_of(flags))
        if flags.source:
            print(f"{read(store, flags.source, flags.form, flags.by, Settings.read(flags.config))} labels are taken as said by {flags.by}")
            return
        counts = Counter(each.label or "open" for each in write(store, flags.out, flags.form, has_open=flags.all))
    print(f"{counts.total()} pictures are in {flags.out}: {', '.join(f'{counts[label]} {label}' for label in sorted(counts))}")
    sys.exit(0 if counts else 3)


if __name__ == "__main__":
    main()
