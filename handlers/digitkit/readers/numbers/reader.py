"""READER: numbers, as digitkit.reader says what a reader is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from math import inf
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digitkit.artifacts.card import check_card
from digitkit.contract import Picture
from digitkit.counting.drift import Reference
from digitkit.documents.document import Document, document_of
from digitkit.documents.file_kinds import open_file
from digitkit.errors import BadRequest, DigitError
from digitkit.pictures.line import BUCKET_PX, STRIP_PX
from digitkit.reader import Observation, Reader, Tell, timed
from digitkit.readers.numbers import answer
from digitkit.readers.numbers.draw import to_png
from digitkit.readers.numbers.explain import METHOD, CharacterExplanation, CharacterTarget, explain, explanation_png
from digitkit.readers.numbers.finder import Finder
from digitkit.readers.numbers.locate import finder_of
from digitkit.readers.numbers.number import LineBackend, Transcript
from digitkit.readers.numbers.pages.beforehand import Beforehand, parse_hints
from digitkit.readers.numbers.pages.page_reading import PageTools, read_picture
from digitkit.readers.numbers.pages.turns import AskedPages, read_documents
from digitkit.readers.numbers.strips import first_view
from digitkit.readers.numbers.tally import NumbersTally
from digitkit.readers.numbers.transcribe import Asked, Terms, transcribe
from digitkit.settings import Settings

TASK: Final = "numbers"
# Imported when needed: each costs seconds and memory.
BACKENDS: Final = {
    ".pt": ("digitkit.readers.numbers.net", "digitkit.backends.finder_net"),
    ".onnx": ("digitkit.readers.numbers.ort", "digitkit.backends.finder_ort"),
}
FINDER: Final = "finder"  # the stem of its file; without one beside the weights, every picture is one line
TARGET: Final = re.compile(r"(\d{1,3})(?:\.(\d{1,3}))?")
EMPTY: Final = np.zeros((1, STRIP_PX, BUCKET_PX), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class LineReader:
    """A loaded net, and how pages are read with it.

    Attributes:
        finder: of lines on pages, None where there is none.
        seconds: that the pages of one document may take.
    """

    backend: LineBackend
    terms: Terms
    finder: Finder | None = None
    seconds: float = inf
    method: str = METHOD

    @property
    def place(self) -> str:
        return self.backend.place

    def read(self, inputs: Sequence[Asked | AskedPages], deadline: float) -> list[Transcript | DigitError]:
        """As Recogniser says: pictures all at once as lines, then those that are pages and documents, one page after the other."""
        tools = PageTools(self.backend.run, self.terms, self.finder, self.seconds)
        asked = [each for each in inputs if isinstance(each, Asked)]
        as_lines = transcribe(asked, self.backend.run, self.terms, deadline)
        pictures = (_as_picture(each, line, tools, deadline) for each, line in zip(asked, as_lines, strict=True))
        documents = iter(read_documents([each for each in inputs if isinstance(each, AskedPages)], tools, deadline))
        return [next(pictures if isinstance(each, Asked) else documents) for each in inputs]

    def watched(self, tell: Tell) -> "LineReader":
        found_by = self.finder and timed("finder", self.finder, tell)
        return replace(self, backend=self.backend._replace(run=timed("net", self.backend.run, tell)), finder=found_by)

    def try_out(self) -> None:
        self.backend.run(EMPTY)

    def explain(self, given: Asked | AskedPages, result: Transcript, target: CharacterTarget) -> CharacterExplanation:
        return explain(result, self.backend.run, target)


def _as_picture(asked: Asked, as_line: Transcript | DigitError, tools: PageTools, deadline: float) -> Transcript | DigitError:
    """What a picture shows that was read as one line, or why it is refused."""
    if isinstance(as_line, DigitError):
        return as_line
    try:
        return read_picture(asked, as_line, tools, deadline)
    except DigitError as err:
        return err


class NumbersReader:
    """The reader of numbers."""

    to_json = staticmethod(answer.to_json)
    media: Final = {"text/plain": answer.to_text, "text/csv": answer.to_csv, "image/png": to_png}
    to_tensors = staticmethod(answer.to_tensors)
    explanation_object = staticmethod(answer.explanation_object)
    explanation_png = staticmethod(explanation_png)
    parse_hints = staticmethod(parse_hints)
    open_file = staticmethod(open_file)

    def load(self, weights: Path, settings: Settings, gpu: int | None) -> LineReader:
        terms = Terms(settings.threshold(TASK), check_card(weights).temperature)
        ways = {"device": settings.device, "gpu_id": gpu, "threads": settings.threads}
        backend, finder = (import_module(module).load for module in BACKENDS[weights.suffix])
        beside = weights.with_name(FINDER + weights.suffix)
        found_by = finder_of(finder(beside, **ways)) if beside.exists() else None
        return LineReader(backend(weights, **ways), terms, found_by, settings.limits.request_seconds)

    def prepare(self, file: Picture | Document, known: Beforehand) -> Asked | AskedPages:
        document = file if isinstance(file, Document) else document_of(file)
        known.pages.indices(document.count)  # of which there must be some
        if isinstance(file, Document) or known.template is not None:
            return AskedPages(document, known)
        return Asked(file, first_view(file), known.form)

    def prepare_at_once(self, pictures: NDArray[np.uint8]) -> list[Asked | None]:
        return [None] * len(pictures)

    def parse_target(self, text: str) -> CharacterTarget:
        """The character to explain, as 0.3: of the first number the fourth; 0 is the least sure one of the first number."""
        if not text:
            return CharacterTarget()
        found = TARGET.fullmatch(text)
        if found is None:
            raise BadRequest(f"the target has {len(text)} characters; it must be a number or one of its characters, from 0 on, as 0.3")
        return CharacterTarget(int(found[1]), None if found[2] is None else int(found[2]))

    def statistics(self, reference: Reference) -> NumbersTally:
        return NumbersTally()

    def observe(self, given: Asked | AskedPages, result: Transcript) -> Observation | None:
        """The best of a picture's numbers; documents are not observed."""
        if isinstance(given, AskedPages):
            return None
        best = result.best
        return Observation(given.picture, best.text if best else "", best.confidence if best else 0.0, not result.reason, result.reason)


READER: Final[Reader] = NumbersReader()
