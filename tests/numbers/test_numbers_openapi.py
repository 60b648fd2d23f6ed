"""The description of numbers' answers for machines: it is valid, and what the code writes fits it."""

import json
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
import schemathesis
import yaml
from conftest import ROOT
from lines import Spelling, spelled

from digitkit.errors import BlankPicture
from digitkit.reader import Hints
from digitkit.readers.numbers.explain import CharacterTarget
from digitkit.readers.numbers.number import REASONS, LineBackend
from digitkit.readers.numbers.reader import READER, LineReader
from digitkit.readers.numbers.transcribe import Terms
from digitkit.serving.reading import Question
from digitkit.serving.writing import Model, write_answer, write_explanation

FILE = ROOT / "docs" / "openapi-numbers.yaml"
COMPONENTS = yaml.safe_load(FILE.read_text())["components"]
LOADED = LineReader(LineBackend(Spelling(), "cpu"), Terms(0.8))
GIVEN = [READER.prepare(spelled(text), READER.parse_hints(Hints(form))) for text, form in (("*1,50*12/05*", "amount"), ("*", ""))]
SEVERAL, NONE = LOADED.read(GIVEN, np.inf)
REFUSAL = BlankPicture("no ink")
MODEL = Model("numbers", "1.0")


def fits(value: Any, name: str) -> bool:
    return jsonschema_rs.is_valid({**COMPONENTS["schemas"][name], "components": COMPONENTS}, value)


def test_the_description_is_valid_openapi_and_knows_the_reasons() -> None:
    schemathesis.openapi.from_path(FILE).validate()
    assert COMPONENTS["schemas"]["Reason"]["enum"] == list(REASONS)


@pytest.mark.parametrize(
    ("form", "results", "name"),
    [
        ("one", [SEVERAL], "Numbers"),
        ("one", [NONE], "Numbers"),
        ("many", [SEVERAL, REFUSAL, NONE], "NumbersList"),
        ("v1", [SEVERAL, REFUSAL], "V1Numbers"),
        ("v2", [SEVERAL, REFUSAL, NONE], "V2Numbers"),
    ],
)
def test_what_the_code_writes_fits_its_schema_and_no_other(form: Any, results: list[Any], name: str) -> None:
    value = json.loads(write_answer(Question((), form), results, MODEL, READER).body)
    assert [each for each in ("Numbers", "NumbersList", "V1Numbers", "V2Numbers", "Error") if fits(value, each)] == [name]


def test_an_explanation_fits_its_schema() -> None:
    explanation = LOADED.explain(GIVEN[0], SEVERAL, CharacterTarget())  # type: ignore[arg-type]  # it was not refused
    assert fits(json.loads(write_explanation(Question((), "one"), [explanation], READER).body), "CharacterExplanation")


def test_an_answer_that_is_not_described_does_not_fit() -> None:
    (number, *_) = json.loads(READER.to_json(SEVERAL))["numbers"]
    assert fits(number, "Number")
    for wrong in (number | {"text": "a"}, number | {"extra": 1}, number | {"accepted": False}, number | {"reason": "unsure"}):
        assert not fits(wrong, "Number")
