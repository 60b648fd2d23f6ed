"""What a request says of its pictures beforehand: what the numbers must be, where they stand, and on which pages."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, NamedTuple

from digitkit.errors import BadRequest
from digitkit.reader import Hints
from digitkit.readers.numbers.formats.amount_words import written_amount
from digitkit.readers.numbers.formats.format import Format, parse_format
from digitkit.readers.numbers.pages.sums import parse_sums
from digitkit.readers.numbers.pages.template import Template, parse_template

SPAN: Final = re.compile(r"(\d{1,5})(-(\d{1,5})?)?")


class PageSpan(NamedTuple):
    """The pages that are asked for, from 1 on: from the first to the last, None for the document's last one."""

    first: int = 1
    last: int | None = None

    def indices(self, count: int) -> range:
        """The pages that are asked for of as many, from 0 on; raises BadRequest where there are none of them."""
        if self.first > count:
            raise BadRequest(f"page {self.first} is asked for, there are {count}")
        return range(self.first - 1, count if self.last is None else min(self.last, count))


@dataclass(frozen=True, slots=True)
class Beforehand:
    """What is known of a picture or a document.

    Attributes:
        form: that its numbers must have; in a template each region has its own.
        template: None where it is not known where the numbers stand.
        pages: that are to be read.
    """

    form: Format
    template: Template | None
    pages: PageSpan


@lru_cache(maxsize=256)
def parse_hints(hints: Hints) -> Beforehand:
    """What hints say; raises BadRequest."""
    template = parse_template(hints.template) if hints.template else None
    if hints.sum:
        if template is None:
            raise BadRequest("a sum is asked for without a template beside it; a sum names fields of a template")
        template = replace(template, sums=parse_sums(hints.sum, template.regions))
    form = parse_format(hints.format)
    if hints.words and template is None:
        form = form.witnessed_by(written_amount(hints.words))
    elif hints.words and template is not None:
        template = template.witnessed_by(written_amount(hints.words))
    return Beforehand(form, template, parse_pages(hints.page))


def parse_pages(text: str) -> PageSpan:
    """The pages that a text names, as 3, 3-7 or 8-, and all for ""; raises BadRequest."""
    if not text:
        return PageSpan()
    found = SPAN.fullmatch(text)
    first, last = (int(found[1]), int(found[3]) if found[3] else None) if found else (0, None)
    if found is None or first < 1 or (last is not None and last < first):
        raise BadRequest(f"the pages are {len(text)} characters that name none; a page from 1 on is named as 3, several as 3-7 or 8-")
    return PageSpan(first, last if found[2] else first)
