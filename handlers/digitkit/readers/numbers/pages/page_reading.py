"""One page: the numbers in its text, in the lines that a finder finds on it, or in the regions of a template."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.documents.document import DocumentPage
from digitkit.errors import BlankPicture, DigitError
from digitkit.pictures.line import LineRun
from digitkit.readers.numbers.finder import Finder, Found
from digitkit.readers.numbers.formats.format import Format
from digitkit.readers.numbers.line_or_page import is_page, may_be_page
from digitkit.readers.numbers.number import Number, Quad, ReadField, Transcript, View, as_quad
from digitkit.readers.numbers.pages.alignment import page_corners, placed
from digitkit.readers.numbers.pages.beforehand import Beforehand
from digitkit.readers.numbers.pages.file_text import numbers_in_text
from digitkit.readers.numbers.pages.stacks import with_stacks
from digitkit.readers.numbers.pages.template import Region, Template
from digitkit.readers.numbers.strips import first_view, line_view
from digitkit.readers.numbers.transcribe import Asked, Terms, transcribe

LEAST: Final = 0.6  # confidence of a number on a page for each of its digits, their geometric mean; what is less likely is none
SURE: Final = 0.9  # confidence of a number from which on its line is not shown otherwise
QUARTER: Final = 90  # degrees


@dataclass(frozen=True, slots=True)
class PageTools:
    """What pages are read with.

    Attributes:
        run: the net of lines.
        terms: when a number is accepted.
        finder: None where nothing finds lines: a page without text of its own is read as one line then.
        seconds: that all pages of a document may take together.
    """

    run: LineRun
    terms: Terms
    finder: Finder | None
    seconds: float


class ReadPage(NamedTuple):
    """The numbers of a page, in reading order, and the fields of a template that are on it."""

    numbers: list[Number]
    fields: dict[str, ReadField]


def read_picture(asked: Asked, as_line: Transcript, tools: PageTools, deadline: float) -> Transcript:
    """What a picture shows that was read as one line: that, or what stands in the lines that are found on it, where it is a page.

    Raises:
        Overloaded: there was no time left for those.
    """
    picture = asked.picture
    if tools.finder is None or not may_be_page(picture, as_line.numbers) or not is_page(picture, found := tools.finder(picture)):
        return as_line
    return replace(as_line, numbers=tuple(_in_lines(picture, found, asked.form, tools, deadline)))


def read_page(page: DocumentPage, number: int, known: Beforehand, tools: PageTools, deadline: float) -> ReadPage:
    """What stands on a page; raises the DigitError that refuses the page."""
    if known.template is not None:
        fields = _fields(page, number, known.template, tools, deadline)
        return ReadPage([read.number for read in fields.values() if read.number is not None], fields)
    written = numbers_in_text(page.text, known.form, number) if page.text else []
    seen = _seen(page, known.form, tools, deadline)
    return ReadPage(written + [replace(each, page=number) for each in seen], {})


def _seen(page: DocumentPage, form: Format, tools: PageTools, deadline: float) -> list[Number]:
    """The numbers that are read in a page's picture, beside its text: on most pages with text nothing else is written."""
    picture = page.picture if page.text is None or page.text.beside is None else page.text.beside
    found = tools.finder(picture) if tools.finder else []
    lines = [each for each in found if page.text is None or not _holds_text(each.quad, page.text.boxes)]
    if not found and page.text is None:
        return _as_line(picture, form, tools, deadline)
    return _in_lines(picture, lines, form, tools, deadline)


def _as_line(picture: Picture, form: Format, tools: PageTools, deadline: float) -> list[Number]:
    """The numbers of a picture that is one line; none in a blank one, as documents may have empty pages."""
    try:
        view = first_view(picture)
    except BlankPicture:
        return []
    return _read([Asked(picture, view, form)], tools, deadline)[0]


def _in_lines(picture: Picture, lines: Sequence[Found], form: Format, tools: PageTools, deadline: float) -> list[Number]:
    """The numbers in lines that were found in a picture, in their order, without what can hardly be read: a finder sees much in a photo.

    Where digits are not sure they are shown with more room too, and a short line upright: the surest showing counts.
    """
    read = _in_each(picture, lines, lines, form, tools, deadline)
    ways = ((Found.with_room, [bool(numbers) for numbers in read]), (Found.upright, [line.is_short for line in lines]))
    for shown_otherwise, may_be_shown in ways:
        again = [i for i, may_be in enumerate(may_be_shown) if may_be and _least_sure(read[i]) < SURE]
        asked = [lines[i] for i in again]
        found = _in_each(picture, asked, [shown_otherwise(line) for line in asked], form, tools, deadline)
        for i, numbers in zip(again, found, strict=True):
            if _least_sure(numbers) > _least_sure(read[i]):
                read[i] = numbers
    likely = [[number for number in numbers if _is_likely(number)] for numbers in read]
    in_stacks = with_stacks(picture, lines, likely, lambda row: _as_line(row, form, tools, deadline))
    return [number for numbers in in_stacks for number in numbers]


def _in_each(
    picture: Picture, lines: Sequence[Found], shown: Sequence[Found], form: Format, tools: PageTools, deadline: float
) -> list[list[Number]]:
    """The numbers in each line as it is shown, but for what stands beside it."""
    views = [line_view(picture, each.quad) for each in shown]
    read = iter(_read([Asked(picture, view, form) for view in views if view is not None], tools, deadline))
    found = [next(read) if view is not None else [] for view in views]
    return [
        [number for number in numbers if _is_inside(np.mean(number.quad, axis=0), as_quad(line.digits))]
        for line, numbers in zip(lines, found, strict=True)
    ]


def _is_likely(number: Number) -> bool:
    """Whether a number may be one: of a long one that is not sure a digit or two are in doubt, of a digit alone all there is."""
    return number.confidence >= LEAST ** len(number.digits)


def _least_sure(numbers: Sequence[Number]) -> float:
    return min((number.confidence for number in numbers), default=0.0)


def _read(asked: Sequence[Asked], tools: PageTools, deadline: float) -> list[list[Number]]:
    """The numbers of each line."""
    read = []
    for transcript in transcribe(asked, tools.run, tools.terms, deadline):
        if isinstance(transcript, DigitError):
            raise transcript
        read.append([*transcript.numbers])
    return read


def _fields(page: DocumentPage, number: int, template: Template, tools: PageTools, deadline: float) -> dict[str, ReadField]:
    """What stands in the regions of a template that are on this page."""
    corners = page_corners(page.picture, template.aspect)
    here = {name: region for name, region in template.regions.items() if region.page == number}
    quads = {name: placed(region.box, corners) for name, region in here.items()}
    found = {name: _written_in(page, region, quads[name]) for name, region in here.items()}
    views = {name: view for name, quad in quads.items() if not found[name] and (view := _view(page.picture, quad)) is not None}
    seen = _read([Asked(page.picture, view, here[name].form) for name, view in views.items()], tools, deadline)
    found |= {name: [replace(each, page=number) for each in numbers] for name, numbers in zip(views, seen, strict=True)}
    return {name: ReadField(_best(numbers), number, quads[name]) for name, numbers in found.items()}


def _view(picture: Picture, quad: Quad) -> View | None:
    return line_view(picture, np.array(quad, dtype=np.float32))


def _written_in(page: DocumentPage, region: Region, quad: Quad) -> list[Number]:
    """The numbers in a page's text whose middles are in a region."""
    if page.text is None:
        return []
    return [each for each in numbers_in_text(page.text, region.form, region.page) if _is_inside(np.mean(each.quad, axis=0), quad)]


def _is_inside(point: NDArray[np.float64], quad: Quad) -> bool:
    return cv2.pointPolygonTest(np.array(quad, dtype=np.float32), (float(point[0]), float(point[1])), False) >= 0


def _holds_text(quad: NDArray[np.float32], boxes: NDArray[np.float32]) -> bool:
    """Whether the middle of any sign of a page's text is in a line."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    return any(_is_inside(middle, as_quad(quad)) for middle in middles)


def _best(numbers: Sequence[Number]) -> Number | None:
    """The number of a region: the surest one that is accepted, or the surest one."""
    return max(numbers, key=lambda number: (number.accepted, number.confidence), default=None)


def turn_of(quads: Sequence[Quad]) -> int:
    """By how many degrees, a multiple of 90, most of the writing on a page is turned clockwise."""
    along = np.sum([np.subtract(quad[1], quad[0]) for quad in quads], axis=0) if quads else np.zeros(2)
    return round(float(np.degrees(np.arctan2(along[1], along[0]))) / QUARTER) * QUARTER % 360
