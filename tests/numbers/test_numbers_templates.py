"""Templates: what they may say, where their boxes lie in a picture, and fields that are answered by name."""

import json
from typing import Any

import cv2
import numpy as np
import pytest
from asked_numbers import REST, Ask, ask
from doors import encode, v1
from lines import spelled
from made_documents import pdf, tiff, written
from numpy.typing import NDArray

from digitkit.errors import BadRequest
from digitkit.readers.numbers.formats.format import parse_format
from digitkit.readers.numbers.pages.alignment import page_corners, placed
from digitkit.readers.numbers.pages.template import parse_template, shipped

__all__ = ["ask"]  # a fixture of another file

HALVES = {"fields": {"upper": {"box": [0, 0, 1, 0.5], "format": "length=2"}, "lower": {"box": [0, 0.5, 1, 1], "format": "length=2"}}}


def stacked(*texts: str) -> NDArray[np.uint8]:
    """Spellings below one another, all as wide as the widest."""
    rows = [spelled(text) for text in texts]
    wide = max(row.shape[1] for row in rows)
    return np.vstack([np.pad(row, ((0, 0), (0, wide - row.shape[1])), mode="edge") for row in rows])


def asked_for(template: Any, **others: str) -> dict[str, str]:
    return REST | {"x-template": template if isinstance(template, str) else json.dumps(template)} | others


def test_fields_are_answered_by_name_each_by_its_own_format(ask: Ask) -> None:
    told = json.loads(ask(encode(stacked("12", "345")), asked_for(HALVES)).body)
    upper, lower = told["fields"]["upper"], told["fields"]["lower"]
    assert (upper["text"], upper["accepted"]) == ("12", True)
    assert (lower["text"], lower["reason"]) == ("345", "breaks_format")
    assert told["numbers"] == [upper, lower]
    assert told["pages"] == [{"page": 1, "width": stacked("12", "345").shape[1], "height": 64}]


def test_a_field_without_a_number_says_where_it_was_looked_for(ask: Ask) -> None:
    told = json.loads(ask(encode(stacked("12", "*")), asked_for(HALVES)).body)
    height, width = stacked("12", "*").shape
    quad = [[0, height / 2], [width, height / 2], [width, height], [0, height]]
    assert told["fields"]["lower"] == {"accepted": False, "reason": "no_number", "page": 1, "quad": quad}
    assert [each["text"] for each in told["numbers"]] == ["12"]


def test_of_several_numbers_in_a_box_the_surest_one_that_obeys_is_the_fields(ask: Ask) -> None:
    told = json.loads(ask(encode(spelled("7*12*345")), asked_for({"fields": {"a": {"box": [0, 0, 1, 1], "format": "length=2"}}})).body)
    assert told["fields"]["a"]["text"] == "12"


def test_a_template_is_taken_from_instances_and_parameters_too(ask: Ask) -> None:
    (data,) = v1(encode(stacked("12", "34")))["instances"]
    listed = json.loads(ask({"instances": [{"data": data, "template": HALVES}, {"data": data, "template": json.dumps(HALVES)}]}).body)
    assert [each["fields"]["lower"]["text"] for each in listed["predictions"]] == ["34", "34"]
    body = {"inputs": [{"name": "x", "datatype": "BYTES", "shape": [1], "data": [data]}], "parameters": {"template": HALVES}}
    outputs = {each["name"]: each["data"] for each in json.loads(ask(body).body)["outputs"]}
    assert json.loads(outputs["fields"][0])["upper"]["text"] == "12"


def test_fields_of_a_pdf_are_taken_from_its_text_where_their_boxes_are(ask: Ask) -> None:
    file = pdf(written((72, 780, "12.05.2024"), (72, 400, "4711")), written((72, 780, "88")))
    fields = {
        "day": {"box": [0, 0, 1, 0.1], "format": "date"},
        "second": {"box": [0, 0, 1, 0.1], "page": 2},
        "third": {"box": [0, 0, 1, 1], "page": 3},
    }
    told = json.loads(ask(file, asked_for({"fields": fields})).body)["fields"]
    assert {name: (each["page"], each["text"], each["confidence"]) for name, each in told.items()} == {
        "day": (1, "12.05.2024", 1.0),
        "second": (2, "88", 1.0),
    }


def test_a_drawing_shows_the_boxes(ask: Ask) -> None:
    picture = cv2.imdecode(np.frombuffer(ask(encode(stacked("12", "*")), asked_for(HALVES, accept="image/png")).body, np.uint8), 1)
    assert (picture[..., ::-1] == (31, 119, 180)).all(axis=2).sum() > 100


def test_every_page_of_a_document_may_have_fields(ask: Ask) -> None:
    fields = {f"p{page}": {"box": [0, 0, 1, 1], "page": page} for page in (1, 2)}
    told = json.loads(ask(tiff(spelled("12"), spelled("34")), asked_for({"fields": fields})).body)["fields"]
    assert [(each["page"], each["text"]) for each in told.values()] == [(1, "12"), (2, "34")]


@pytest.mark.parametrize("name", ["cheque", "postal_code", "meter", "form", "identity_card", "blood_pressure"])
def test_the_shipped_templates_can_be_asked_for(name: str) -> None:
    assert name in shipped()
    assert parse_template(name).regions


ONE = {"box": [0, 0, 1, 1]}
BAD: list[Any] = [
    "nothing",
    "../cheque",
    "{",
    "[]",
    "{}",
    "{" * 7000,
    " " * 9000,
    {"fields": {}},
    {"fields": []},
    {"fields": {"a": ONE}, "other": 1},
    {"fields": {"a": []}},
    {"fields": {"a": {}}},
    {"fields": {"a b": ONE}},
    {"fields": {str(i): ONE for i in range(65)}},
    {"fields": {"a": ONE | {"format": "secret"}}},
    {"fields": {"a": ONE | {"format": 7}}},
    {"fields": {"a": ONE | {"page": 0}}},
    {"fields": {"a": ONE | {"page": True}}},
    {"fields": {"a": ONE | {"more": 1}}},
    *(
        {"fields": {"a": {"box": box}}}
        for box in ([0, 0, 1], [0, 0, 1, 2], [1, 0, 0, 1], [0, 0, 0, 0], "0011", [0, 0, 1, None], [0, 0, True, 1])
    ),
    *({"fields": {"a": ONE}, "aspect": aspect} for aspect in (0, -1, "1", 1e9, True)),
]


@pytest.mark.parametrize("template", BAD, ids=range(len(BAD)))
def test_a_template_that_is_none_is_refused_without_an_echo(template: Any, ask: Ask) -> None:
    answer = ask(encode(spelled("12")), asked_for(template))
    told = json.loads(answer.body)
    assert (answer.status, told["type"]) == (400, "BadRequest")
    assert "secret" not in told["message"]


def test_numbers_that_json_knows_and_templates_do_not_are_refused() -> None:
    with pytest.raises(BadRequest):
        parse_template('{"fields": {"a": {"box": [0, 0, NaN, 1]}}}')
    with pytest.raises(BadRequest):
        parse_template('{"aspect": NaN, "fields": {"a": {"box": [0, 0, 1, 1]}}}')


def on_table(corners: NDArray[np.float32], size: tuple[int, int] = (900, 1200), *, light: bool = True) -> NDArray[np.uint8]:
    """A picture of a card with these corners, light on a dark table or dark on a light one, with writing on it."""
    card = np.full((540, 856), 220, dtype=np.uint8)
    card[100:140, 100:500] = card[300:330, 80:700] = 60
    matrix = cv2.getPerspectiveTransform(np.float32([(0, 0), (856, 0), (856, 540), (0, 540)]), corners)
    table = cv2.warpPerspective(card, matrix, size[::-1], borderValue=70)
    noisy = table + np.random.default_rng(0).normal(0, 4, table.shape)
    return np.asarray((noisy if light else 255 - noisy).clip(0, 255), dtype=np.uint8)


LEVEL = np.float32([(200, 200), (900, 200), (900, 641), (200, 641)])
TURNED = np.float32([(240, 160), (960, 280), (885, 735), (165, 615)])
ASKEW = np.float32([(250, 220), (930, 180), (960, 650), (220, 620)])


@pytest.mark.parametrize("corners", [LEVEL, TURNED, ASKEW])
@pytest.mark.parametrize("light", [True, False])
def test_boxes_lie_in_the_frame_of_a_card_on_a_table(corners: NDArray[np.float32], light: bool) -> None:
    found = page_corners(on_table(corners, light=light), 1.585)
    assert np.abs(found - corners).max() < 8
    middle = np.mean(placed((0.4, 0.4, 0.6, 0.6), found), axis=0)
    (a, b, c, d), across = corners, lambda one, other: one[0] * other[1] - one[1] * other[0]
    expected = a + (c - a) * across(b - a, d - b) / across(c - a, d - b)  # where the diagonals meet
    assert middle == pytest.approx(expected, abs=5)


def test_a_picture_of_the_templates_shape_is_its_page_whatever_frames_are_in_it() -> None:
    picture = on_table(LEVEL, size=(900, 1427))
    assert page_corners(picture, 1.585).tolist() == [[0, 0], [1427, 0], [1427, 900], [0, 900]]


@pytest.mark.parametrize("aspect", [None, 4.0])
def test_without_a_frame_of_its_shape_the_picture_is_the_page(aspect: float | None) -> None:
    assert page_corners(on_table(LEVEL), aspect).tolist() == [[0, 0], [1200, 0], [1200, 900], [0, 900]]
    blank = np.full((100, 300), 200, dtype=np.uint8)
    assert page_corners(blank, aspect).tolist() == [[0, 0], [300, 0], [300, 100], [0, 100]]


@pytest.mark.parametrize(
    ("text", "is_right"),
    # From ICAO Doc 9303, parts 3 to 5, but for those that are wrong.
    [
        *((text, True) for text in ("5207273", "7408122", "1204159", "9406236")),
        *((text, False) for text in ("7408123", "4708122", "7", "7408.122")),
    ],
)
def test_mrz_is_the_check_digit_of_machine_readable_zones(text: str, is_right: bool) -> None:
    assert parse_format("mrz").is_obeyed_by(text) == is_right
