"""The flags that say which store of pictures a command works on, as `collect` in model-config.yaml says it to the workers."""

import argparse
from pathlib import Path

from digitkit.collect.sample_store import SampleStore, StoreError, StorePlace

CONFIG = Path(__file__).resolve().parent.parent / "handlers" / "model-config.yaml"  # of the server's models


def add_place_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", type=Path, help="the folder with the store, as `store` in model-config.yaml")
    parser.add_argument("--records", default="", help="SQLAlchemy's URL of the database, where it is not in the folder")
    parser.add_argument("--pictures", default="", help="fsspec's URL of the pictures, where they are not in the folder")


def place_of(flags: argparse.Namespace) -> StorePlace:
    """The place that the flags name; raises StoreError where they name none."""
    if flags.store is None and not (flags.records and flags.pictures):
        raise StoreError("no store of pictures is named; --store takes its folder, the one that collect in model-config.yaml names")
    return StorePlace(str(flags.store.absolute()) if flags.store else "", flags.records, flags.pictures)


def open_existing(place: StorePlace) -> SampleStore:
    """The store in a place; raises StoreError where there is none, rather than make one for a name that was mistyped."""
    url = place.url
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise StoreError(f"there is no store of pictures at {url.database}; a server makes it when it keeps its first picture")
    return SampleStore(place)
