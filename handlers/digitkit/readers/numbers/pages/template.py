"""Templates: named regions of a page, and what the number in each of them must be.

A template that is shipped is a file in templates/, one that a request brings along is the same as JSON.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from digitkit.errors import BadRequest
from digitkit.readers.numbers.formats.amount_words import written_amount
from digitkit.readers.numbers.formats.format import Format, parse_format
from digitkit.readers.numbers.pages.sums import ACCEPTED as WRITTEN_SUMS
from digitkit.readers.numbers.pages.sums import Sum, parse_sums

FOLDER: Final = Path(__file__).with_name("templates")
LONGEST: Final = 8000  # characters of a template that a request brings along
MOST_FIELDS: Final = 64
NAME: Final = re.compile("[A-Za-z0-9_-]{1,40}")
WIDEST: Final = 100.0  # of a page, in its heights; the other way round as well
KEYS: Final = {"aspect", "fields", "sum"}
REGION_KEYS: Final = {"box", "format", "page", "words"}
ACCEPTED: Final = '{"aspect": 1.6, "fields": {"amount": {"box": [0.7, 0.2, 0.95, 0.3], "format": "amount", "page": 1}}}'

Box: TypeAlias = tuple[float, ...]  # left, top, right and bottom, in shares of the page's width and height


@dataclass(frozen=True, slots=True)
class Region:
    """A place on a page where a number stands.

    Attributes:
        box: it.
        form: what the number must be.
        page: on which it is, from 1 on.
    """

    box: Box
    form: Format
    page: int


@dataclass(frozen=True, slots=True)
class Template:
    """The regions of a page by their names.

    Attributes:
        aspect: the page's width, in its heights; None where any picture is a whole page.
        sums: that the numbers in the regions must make.
    """

    regions: Mapping[str, Region]
    aspect: float | None
    sums: tuple[Sum, ...] = ()

    def witnessed_by(self, amount: Decimal) -> "Template":
        """The same with a witness for all amounts that have none of their own; raises BadRequest where there is no amount."""
        amounts = {name: each for name, each in self.regions.items() if each.form.decimals is not None}
        if not amounts:
            raise BadRequest("words are given, and no field of the template has the format amount")
        witnessed = {
            name: replace(each, form=each.form.witnessed_by(amount)) for name, each in amounts.items() if each.form.witnessed is None
        }
        return replace(self, regions={**self.regions, **witnessed})


@cache
def shipped() -> dict[str, Path]:
    """The templates that the archive brings, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def parse_template(text: str) -> Template:
    """The template of a name, or the one that JSON describes; raises BadRequest."""
    if len(text) > LONGEST:
        raise BadRequest(f"the template has {len(text)} characters, the limit is {LONGEST}")
    if text.lstrip()[:1] != "{":
        path = shipped().get(text)
        if path is None:
            raise BadRequest(f"there is no template of this name; there are {', '.join(shipped())}, or one as JSON: {ACCEPTED}")
        return template_of(yaml.safe_load(path.read_text()))
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise BadRequest(f"the template is {len(text)} characters that are no JSON; it must be as {ACCEPTED}") from err
    return template_of(content)


def template_of(content: Any) -> Template:
    """The template that parsed YAML or JSON describes; raises BadRequest."""
    if not isinstance(content, dict) or not {"fields"} <= content.keys() <= KEYS or not isinstance(content["fields"], dict):
        raise BadRequest(f"the template must be as {ACCEPTED}, its aspect may be left out, and a sum may be there")
    aspect, fields = content.get("aspect"), content["fields"]
    if aspect is not None and not (_is_number(aspect) and 1 / WIDEST <= aspect <= WIDEST):
        raise BadRequest(f"the template's aspect must be a number up to {WIDEST:g}, the width of its page in heights")
    if not 1 <= len(fields) <= MOST_FIELDS or not all(isinstance(name, str) and NAME.fullmatch(name) for name in fields):
        raise BadRequest(f"the template has {len(fields)} fields; 1 to {MOST_FIELDS} may be, named by up to 40 of A-Z, a-z, 0-9, _ and -")
    regions = {name: _region(i, region) for i, (name, region) in enumerate(fields.items(), start=1)}
    sums = content.get("sum")
    if not (sums is None or isinstance(sums, str)):
        raise BadRequest(f"the template's sum must be a string, as {WRITTEN_SUMS}")
    return Template(regions, aspect, parse_sums(sums, regions) if sums else ())


def _region(i: int, content: Any) -> Region:
    """The region of a template's field, the i-th one."""
    if not isinstance(content, dict) or not {"box"} <= content.keys() <= REGION_KEYS:
        raise BadRequest(f"field {i} of the template must have a box, and may have a format, a page and words, as in {ACCEPTED}")
    box, form, page, words = content["box"], content.get("format", ""), content.get("page", 1), content.get("words", "")
    is_box = isinstance(box, list) and len(box) == 4 and all(_is_number(side) and 0 <= side <= 1 for side in box)
    if not is_box or not (box[0] < box[2] and box[1] < box[3]):
        raise BadRequest(f"the box of field {i} must be left, top, right and bottom, each from 0 to 1, in shares of the page")
    if not isinstance(form, str) or not isinstance(words, str) or type(page) is not int or page < 1:
        raise BadRequest(f"field {i} must have a format and words that are strings and a page from 1 on")
    parsed = parse_format(form)
    return Region(tuple(map(float, box)), parsed.witnessed_by(written_amount(words)) if words else parsed, page)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)
