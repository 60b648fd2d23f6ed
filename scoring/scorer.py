"""A model that answers pictures as a worker of the server does, without the server: the same reader, limits and words."""

from collections.abc import Iterable, Iterator
from itertools import islice
from math import inf
from pathlib import Path
from typing import NamedTuple

import cv2

from digitkit.artifacts.card import check_card
from digitkit.errors import BadRequest, DigitError, TooLarge
from digitkit.pictures.allowance import Allowance
from digitkit.reader import NO_HINTS, Input, Recogniser, Result
from digitkit.readers.tasks import find_reader
from digitkit.serving.guard import Guard
from digitkit.settings import Settings
from scoring.source_pictures import SourcePicture

BATCH = 256  # pictures that are read and held in memory together


class Scored(NamedTuple):
    """The answer to a picture, a row of the Parquet that is written.

    Attributes:
        file, place: as scoring.source_pictures.SourcePicture has them.
        label, confidence, accepted, reason: what was read, None where nothing was, or where an answer has no one label.
        answer: the server's JSON object, None where there is none.
        error, message: the type and the words of a refusal, None where the picture was read.
    """

    file: str
    place: str
    label: str | None = None
    confidence: float | None = None
    accepted: bool | None = None
    reason: str | None = None
    answer: str | None = None
    error: str | None = None
    message: str | None = None


class Scorer:
    """A loaded model, `loaded`.

    Args:
        weights: a graph or weights, with the card beside it that says of which task they are; an eye lies there too.
        settings: of the model, from its model-config.yaml.
        gpu: that it runs on where the settings allow one, None for none.
    Raises:
        CardError: the file is not the one that its card describes.
        DeviceError: the device that the settings ask for is not there.
    """

    def __init__(self, weights: Path, settings: Settings, gpu: int | None = None) -> None:
        self._guard, self._limits = Guard(), settings.limits
        self._reader = find_reader(check_card(weights).task)
        cv2.setNumThreads(settings.threads)  # more processes use more cores, as in the server
        self.loaded: Recogniser = self._reader.load(weights, settings, gpu)
        self._known = self._reader.parse_hints(NO_HINTS)

    def score(self, pictures: Iterable[SourcePicture]) -> Iterator[Scored]:
        """The answer to each picture, in order. What cannot be read is told in its place, and costs no other anything."""
        remaining = iter(pictures)
        while batch := list(islice(remaining, BATCH)):
            prepared = [self._guard(self._prepare, picture.data) for picture in batch]
            results = iter(self._read([each for each in prepared if not isinstance(each, DigitError)]))
            for picture, given in zip(batch, prepared, strict=True):
                result = given if isinstance(given, DigitError) else next(results)
                yield refused(picture, result) if isinstance(result, DigitError) else self._told(picture, given, result)

    def _prepare(self, data: bytes) -> Input:
        if not data:
            raise BadRequest("no bytes; a picture file is accepted")
        if len(data) > self._limits.body_bytes:
            raise TooLarge(f"{len(data)} bytes, the limit is {self._limits.body_bytes}")
        allowance = Allowance(self._limits.request_pixels, pages=self._limits.pages)
        return self._reader.prepare(self._reader.open_file(data, self._limits, allowance), self._known)

    def _read(self, inputs: list[Input]) -> list[Result | DigitError]:
        """The result of each input. Where the model fails on them together, it is asked about each alone."""
        results = self._guard(self.loaded.read, inputs, inf)
        if not isinstance(results, DigitError):
            return [*results]
        self.loaded.try_out()  # a model that fails here as well fails with every picture: the run ends
        alone = [self._guard(self.loaded.read, [each], inf) for each in inputs]
        return [each if isinstance(each, DigitError) else each[0] for each in alone]

    def _told(self, picture: SourcePicture, given: Input, result: Result) -> Scored:
        answer, seen = self._reader.to_json(result), self._reader.observe(given, result)
        if seen is None:
            return Scored(picture.file, picture.place, answer=answer)
        return Scored(picture.file, picture.place, seen.label, seen.confidence, seen.accepted, seen.reason, answer)


def refused(picture: SourcePicture, refusal: DigitError) -> Scored:
    """The row of a picture that is not read."""
    return Scored(picture.file, picture.place, error=refusal.type, message=str(refusal))
