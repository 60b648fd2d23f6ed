"""A picture with its label, as every form of exchange has it, and how it gets out of a store and into one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from digitkit.collect.sample import Sample, to_sample
from digitkit.collect.sample_store import DUPLICATE, KEPT, Caps, SampleStore, StoreError
from digitkit.collect.schema import ANSWERS, PICTURES
from digitkit.errors import DigitError
from digitkit.pictures.codec import decode_picture
from digitkit.settings import Collecting, Limits
from loop.agreement import LABELLED
from loop.desk import TASK, Desk

PICTURES_ROOM: Final = "pictures"  # the folder of the pictures in every form but that of folders
NO_CAP: Final = 10**9  # pictures of an import in a minute


class ExchangeError(Exception):
    """A folder that cannot be written, or that holds no export; the message says why."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture in an export or an import.

    Attributes:
        path: of its file, in the folder of the exchange.
        label: one of LABELLED, "" for one that nobody has labelled.
        sha256: under which it is kept, "" in an import.
        width, height: in pixels; 0 in an import.
        answer: what a model had read, a row of schema.ANSWERS; None where none is known.
    """

    path: str
    label: str
    sha256: str = ""
    width: int = 0
    height: int = 0
    answer: Any = None


def kept(store: SampleStore, *, has_open: bool) -> Iterator[tuple[Labelled, bytes]]:
    """Every settled picture of a store with its PNG, and where `has_open` the others too; what has vanished is left out."""
    query = select(PICTURES).where(PICTURES.c.task == TASK)
    query = query if has_open else query.where(PICTURES.c.truth.in_(LABELLED))
    with store.reading() as connection:
        rows = connection.execute(query.order_by(PICTURES.c.kept_at)).all()
        answers = {row.sha256: row for row in connection.execute(select(ANSWERS).order_by(ANSWERS.c.model.desc()))}
    for row in rows:
        try:
            content = store.picture(row.sha256)
        except FileNotFoundError:
            continue
        label = row.truth if row.truth in LABELLED else ""
        path = f"{PICTURES_ROOM}/{row.sha256}.png"
        yield Labelled(path, label, row.sha256, row.width, row.height, answers.get(row.sha256)), content


def take_in(desk: Desk, folder: Path, found: Sequence[Labelled], by: str, knobs: Collecting, limits: Limits) -> int:
    """Take the labels of an import as what a person said; how many.

    Raises:
        ExchangeError: a file holds no picture, or a label is none of LABELLED; nothing is taken then.
        StoreError: the store cannot be used.
    """
    unknown = sorted({each.label for each in found} - {"", *LABELLED})
    if unknown:
        raise ExchangeError(f"{folder} has the label {unknown[0]!r}; a label is one of {', '.join(LABELLED)}")
    labels = [each for each in found if each.label]
    samples = [_read(folder, each.path, knobs, limits) for each in labels]
    for sample, each in zip(samples, labels, strict=True):
        became = desk.store.keep(sample, Caps(NO_CAP, NO_CAP, knobs.store_bytes))
        if became not in (KEPT, DUPLICATE):
            raise StoreError(f"{each.path} alone is over collect.store_bytes of model-config.yaml")
        desk.claim(sample.sha256, each.label, by)
    return len(samples)


def _read(folder: Path, name: str, knobs: Collecting, limits: Limits) -> Sample:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ExchangeError(f"{name} lies outside of {folder}")
    try:
        picture = decode_picture(path.read_bytes(), limits)
    except (DigitError, OSError) as err:
        raise ExchangeError(f"{path} holds no picture that the server reads: {err}") from err
    return to_sample(picture, knobs.side_pixels, task=TASK, reason="import")
