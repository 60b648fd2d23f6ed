"""Have kept pictures read by the models that have not read them: `python -m loop.second_reading --store FOLDER ARCHIVE…`.

A worker notes what its own model read, since to ask another one would delay a request. So what the other net says is filled in here, of
the archives that are served, in a process of its own. The records then hold the logits of both, and the review sees where they differ.
"""

import argparse
import json
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from sqlalchemy import select

from digitkit.artifacts.card import check_card
from digitkit.collect.sample_store import SampleStore, StoreError
from digitkit.collect.schema import ANSWERS, PICTURES
from digitkit.errors import DigitError
from digitkit.pictures.codec import decode_picture
from digitkit.reader import NO_HINTS, Reader, Recogniser
from digitkit.readers.tasks import find_reader
from digitkit.settings import Settings, SettingsError
from loop.place_flags import add_place_flags, open_existing, place_of
from testbed.archives import MANIFEST, MODEL_CONFIG
from testbed.command import ending


@dataclass(frozen=True, slots=True)
class ArchivedModel:
    """The model of an archive, loaded.

    Attributes:
        name, version: under which it is served.
    """

    name: str
    version: str
    task: str
    settings: Settings
    reader: Reader
    recogniser: Recogniser

    def answer(self, png: bytes) -> dict[str, Any]:
        """What is read of a picture, as a row of schema.ANSWERS but for its hash; raises the DigitError that refuses it."""
        picture = decode_picture(png, self.settings.limits)
        given = self.reader.prepare(picture, self.reader.parse_hints(NO_HINTS))
        (result,) = self.recogniser.read([given], inf)
        if isinstance(result, DigitError):
            raise result
        seen = self.reader.observe(given, result)
        assert seen is not None
        logits = None if seen.logits is None else [round(value, 4) for value in seen.logits.tolist()]
        told = {"label": seen.label, "confidence": seen.confidence, "accepted": seen.accepted, "reason": seen.reason, "logits": logits}
        return {"model": self.name, "version": self.version, "asked_at": time.time(), "request_id": None, **told}


@contextmanager
def loaded(archive: Path) -> Iterator[ArchivedModel]:
    """The model of an archive, whose files lie in a folder for so long.

    Raises:
        CardError: the archive is not what its card says, or its weights are not.
        OSError, ValueError, SettingsError: it cannot be read, or holds no model that can be loaded here.
    """
    check_card(archive)
    with tempfile.TemporaryDirectory() as name, zipfile.ZipFile(archive) as file:
        folder = Path(name)
        file.extractall(folder)
        model = json.loads((folder / MANIFEST).read_text())["model"]
        weights, settings = folder / model["serializedFile"], Settings.read(folder / MODEL_CONFIG)
        task = check_card(weights).task
        reader = find_reader(task)
        yield ArchivedModel(model["modelName"], model["modelVersion"], task, settings, reader, reader.load(weights, settings, None))


def unread(store: SampleStore, model: ArchivedModel) -> list[str]:
    """The hashes of the pictures of a model's task that it has not read."""
    read = select(ANSWERS.c.sha256).where(ANSWERS.c.model == model.name, ANSWERS.c.version == model.version)
    query = select(PICTURES.c.sha256).where(PICTURES.c.task == model.task, PICTURES.c.sha256.not_in(read))
    with store.reading() as connection:
        return list(connection.execute(query.order_by(PICTURES.c.kept_at)).scalars())


def read_again(store: SampleStore, model: ArchivedModel) -> int:
    """Have a model read what it has not read, and note it; how many pictures. What it refuses, or has vanished, is left as it is."""
    count = 0
    for sha256 in unread(store, model):
        try:
            answer = model.answer(store.picture(sha256))
        except (DigitError, FileNotFoundError):
            continue
        count += store.note(sha256, answer)
    return count


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="loop.second_reading", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_place_flags(parser)
    parser.add_argument("archives", type=Path, nargs="+", help="of the models, each with its card beside it")
    flags = parser.parse_args(arguments)
    with ending(parser.prog, StoreError, SettingsError, ValueError):
        store = open_existing(place_of(flags))
        for archive in flags.archives:
            with loaded(archive) as model:
                print(f"{model.name} {model.version} has read {read_again(store, model)} pictures that it had not read", flush=True)
    sys.exit(0)


if __name__ == "__main__":
    main()
