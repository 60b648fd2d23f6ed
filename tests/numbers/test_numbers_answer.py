"""The numbers of a picture in every form of an answer."""

import csv
import io
import json

import numpy as np
import pytest
from lines import Spelling, spelled
from PIL import Image

from digitkit.documents.document import document_of
from digitkit.errors import BadRequest
from digitkit.reader import Hints
from digitkit.readers.numbers.explain import CharacterTarget
from digitkit.readers.numbers.number import LineBackend, SeenPage, Transcript
from digitkit.readers.numbers.reader import READER, LineReader
from digitkit.readers.numbers.tally import NumbersTally
from digitkit.readers.numbers.transcribe import Terms

LOADED = LineReader(LineBackend(Spelling(), "cpu"), Terms(0.8))


def read(text: str, form: str = "") -> Transcript:
    (found,) = LOADED.read([READER.prepare(spelled(text), READER.parse_hints(Hints(form)))], np.inf)
    assert isinstance(found, Transcript)
    return found


def test_json_says_each_number_with_its_characters_and_where_they_are() -> None:
    told = json.loads(READER.to_json(read("*1,50*12/05/24*", "amount")))
    first, second = told["numbers"]
    assert list(first) == ["text", "value", "digits", "confidence", "accepted", "page", "quad", "characters"]
    assert (first["text"], first["value"], first["digits"], first["accepted"], first["page"]) == ("1,50", 1.5, "150", True, 1)
    assert [character["text"] for character in first["characters"]] == ["1", ",", "5", "0"]
    assert np.array(first["quad"]).shape == np.array(first["characters"][0]["quad"]).shape == (4, 2)
    assert (second["accepted"], second["reason"], second["value"]) == (False, "breaks_format", None)
    assert told["pages"] == [{"page": 1, "width": spelled("*1,50*12/05/24*").shape[1], "height": 32}]
    assert "reason" not in told


def test_json_of_a_picture_without_a_number_says_so() -> None:
    told = json.loads(READER.to_json(read("*")))
    assert told == {"numbers": [], "reason": "no_number", "pages": [{"page": 1, "width": 12, "height": 32}]}


def test_plain_text_has_a_number_on_each_line() -> None:
    assert READER.media["text/plain"](read("*20417*12/05*")) == b"20417\n12/05"
    assert READER.media["text/plain"](read("*")) == b""


def test_csv_has_a_row_for_each_number() -> None:
    rows = list(csv.DictReader(io.StringIO(READER.media["text/csv"](read("*1,50*12/05*", "amount")).decode())))
    assert [(row["text"], row["digits"], row["value"], row["accepted"], row["reason"]) for row in rows] == [
        ("1,50", "150", "1.5", "true", ""),
        ("12/05", "1205", "", "false", "breaks_format"),
    ]
    assert float(rows[0]["x1"]) < float(rows[0]["x2"])


def test_a_drawing_shows_what_is_accepted_in_green_and_what_is_not_in_red() -> None:
    for form, present in (("amount", (0, 140, 60)), ("date", (214, 39, 40))):
        drawing = Image.open(io.BytesIO(READER.media["image/png"](read("1,50", form))))
        assert (np.asarray(drawing) == present).all(axis=2).sum() > 100
        assert max(drawing.size) >= 320


def test_a_drawing_of_a_photo_is_made_smaller() -> None:
    found = read("20417")
    large = Transcript(found.numbers, (SeenPage(1, 6000, 3000),), document_of(np.zeros((3000, 6000), dtype=np.uint8)))
    assert max(Image.open(io.BytesIO(READER.media["image/png"](large))).size) == 2000


def test_tensors_have_a_row_for_each_picture() -> None:
    tensors = {each["name"]: each for each in READER.to_tensors([read("*1,50*12/05*", "amount"), None, read("*")])}
    assert all(each["shape"] == [3] for each in tensors.values())
    assert tensors["text"]["data"] == ["1,50", "", ""]
    assert tensors["digits"]["data"] == ["150", "", ""]
    assert tensors["accepted"]["data"] == [True, False, False]
    assert tensors["reason"]["data"] == ["", "", "no_number"]
    assert [len(json.loads(each)) for each in tensors["numbers"]["data"]] == [2, 0, 0]
    assert json.dumps([each["data"] for each in tensors.values()], allow_nan=False)


def test_an_explanation_is_of_the_least_sure_character_or_of_the_one_that_is_named() -> None:
    found = read("*20417*58*")
    given = READER.prepare(spelled("20417"), READER.parse_hints(Hints()))
    first = LOADED.explain(given, found, CharacterTarget())
    assert first.number in (0, 1)
    named = READER.explanation_object(LOADED.explain(given, found, READER.parse_target("0.3")))
    assert (named["text"], named["number"], named["character"], named["method"]) == ("1", 0, 3, "occlusion")
    attributions = np.array(named["attributions"])
    assert len(attributions) == 32
    assert np.abs(attributions).max() == pytest.approx(1)
    middle = np.mean([x for x, _ in found.numbers[0].characters[3].quad])
    strongest = named["quad"][0][0] + attributions.sum(axis=0).argmax() + 0.5
    assert strongest == pytest.approx(middle, abs=6)  # where the character is, and nowhere else
    assert READER.explanation_png(LOADED.explain(given, found, READER.parse_target("1"))).startswith(b"\x89PNG")


@pytest.mark.parametrize("target", ["2", "0.9", "999.999"])
def test_a_target_that_is_not_there_is_refused(target: str) -> None:
    found = read("*20417*58*")
    with pytest.raises(BadRequest, match="counted from 0"):
        LOADED.explain(None, found, READER.parse_target(target))  # type: ignore[arg-type]  # nothing of it is read


@pytest.mark.parametrize("target", ["x", "-1", "1.", "0.0.0", "1e3", "9" * 50])
def test_a_target_of_another_form_is_refused(target: str) -> None:
    with pytest.raises(BadRequest, match=f"the target has {len(target)} characters"):
        READER.parse_target(target)


def test_what_was_read_is_counted_once() -> None:
    tally = NumbersTally()
    tally.add([(None, read(line, "amount")) for line in ("1,50", "*", "*20*12/05*")])  # type: ignore[misc]  # the inputs are not looked at
    counted = {(name, labels): value for name, labels, value in tally.drain()}
    assert counted["numbers_accepted_total", ""] == 2
    assert {labels: counted["not_accepted_total", labels] for labels in ("reason:no_number", "reason:unsure", "reason:breaks_format")} == {
        "reason:no_number": 1,
        "reason:unsure": 0,
        "reason:breaks_format": 1,
    }
    assert (counted["confidence_count", ""], counted["number_digits_sum", ""]) == (3, 9)
    assert not any(value for _, _, value in tally.drain())
    assert list(tally.gauges()) == []
