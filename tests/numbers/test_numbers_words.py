"""Amounts in words: what they name in five languages, how figures are weighed against them, and where a request may say them."""

import json
import sys
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from asked_numbers import REST, Ask, ask
from doors import encode, tensors, v1
from hypothesis import given
from hypothesis import strategies as st
from lines import frames_of, spelled
from made_documents import pdf, written
from test_numbers_templates import asked_for, stacked

from digitkit.errors import BadRequest, UnsupportedMedia
from digitkit.readers.numbers.formats.amount_words import LANGUAGES, written_amount
from digitkit.readers.numbers.formats.format import Format, parse_format
from digitkit.readers.numbers.weighing import confirmed, weighed

__all__ = ["ask"]  # a fixture of another file

WORDS = "one thousand two hundred thirty-four and 50/100 dollars"


@pytest.mark.parametrize(
    ("words", "amount"),
    [
        (WORDS, "1234.50"),
        ("Twelve hundred fifty dollars only", "1250"),
        ("*** ninety and no/100 dollars ***", "90"),
        ("twelve euros and five cents", "12.05"),
        ("a hundred pounds", "100"),
        ("eintausendzweihundertvierunddreißig Euro", "1234"),
        ("zwölf Euro fünfzig", "12.50"),
        ("Fuenfhundertzwanzig Franken und zwei Rappen", "520.02"),
        ("eine Million zweihunderttausend Euro", "1200000"),
        ("mille deux cent trente-quatre euros et cinquante centimes", "1234.50"),
        ("quatre-vingt-dix-sept", "97"),
        ("nonante-sept francs et 5/100", "97.05"),
        ("mil doscientos treinta y cuatro pesos con 50 / 100", "1234.50"),
        ("veintiún mil euros", "21000"),
        ("cien dólares con cinco centavos", "100.05"),
        ("壹仟贰佰叁拾肆元伍角整", "1234.50"),
        ("人民币壹萬貳仟參佰元整", "12300"),
        ("一百二十元零五分", "120.05"),
        ("six", "6"),  # in two languages the same
    ],
)
def test_words_name_an_amount_in_five_languages(words: str, amount: str) -> None:
    assert written_amount(words) == Decimal(amount)


@pytest.mark.parametrize(
    "words",
    [
        *(
            "secret",
            "12",
            "one dollar two dollars",
            "one and 50/100 and 20/100",
            "twelve dollars fifty 50/100",
            "minus one",
            "one two three",
        ),
        *("one dollar and one hundred cents", "50/100", "元", "壹角", "负一元", "-", "one 二", "x" * 301),
        "billion",  # a thousand millions in English, a million of them in French
    ],
)
def test_words_that_name_none_or_two_are_refused_without_an_echo(words: str) -> None:
    with pytest.raises(BadRequest) as refused:
        written_amount(words)
    assert "secret" not in str(refused.value)


@given(st.lists(st.sampled_from(sorted({word for each in LANGUAGES.values() for group in each for word in group})) | st.text(max_size=8)))
def test_any_words_are_an_amount_or_refused(tokens: list[str]) -> None:
    try:
        assert written_amount(" ".join(tokens)) >= 0
    except BadRequest as err:
        assert "the words" in str(err)


def test_without_its_packages_words_are_refused_and_nothing_else_is(monkeypatch: pytest.MonkeyPatch, ask: Ask) -> None:
    monkeypatch.setitem(sys.modules, "text_to_num", None)
    with pytest.raises(UnsupportedMedia, match="the extra words"):
        written_amount("one")
    assert ask(encode(spelled("12")), REST | {"x-words": "two"}).status == 415
    assert ask(encode(spelled("12"))).status == 200


def shown(form: Format, *signs: Any) -> tuple[str, float]:
    found = weighed(frames_of(*signs), form, 1.0)
    assert found is not None
    return found[0].text, found[1]


def test_of_figures_that_may_be_two_amounts_the_one_in_words_wins_and_is_sure() -> None:
    unsure = {"7": 0.9, "1": 0.1}
    assert shown(parse_format("amount"), unsure, "5") == ("75", pytest.approx(0.9))
    text, confidence = shown(parse_format("amount").witnessed_by(Decimal(15)), unsure, "5")
    assert (text, confidence) == ("15", pytest.approx(0.1 * 1000 / (0.1 * 1000 + 0.9)))
    text, confidence = shown(parse_format("amount").witnessed_by(Decimal(75)), unsure, "5")
    assert (text, confidence) == ("75", pytest.approx(0.9 * 1000 / (0.9 * 1000 + 0.1)))


def test_figures_that_are_surer_than_words_can_outweigh_stand() -> None:
    text, confidence = shown(parse_format("amount").witnessed_by(Decimal(15)), {"7": 0.9998, "1": 0.0002}, "5")
    assert (text, confidence) == ("75", pytest.approx(0.9998))


def test_a_witness_that_agrees_never_makes_a_reading_less_sure() -> None:
    sure = [confirmed(each) for each in np.linspace(0, 1, 50)]
    assert sure == sorted(sure)
    assert all(after >= before for before, after in zip(np.linspace(0, 1, 50), sure, strict=True))
    assert (confirmed(0.0), confirmed(1.0)) == (0, 1)


def numbers(ask: Ask, picture: bytes, **headers: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ask(picture, REST | headers).body)["numbers"]
    return found


def test_words_that_agree_change_nothing_and_words_that_do_not_are_told(ask: Ask) -> None:
    picture = encode(spelled("1.234,50"))
    (agreed,) = numbers(ask, picture, **{"x-words": WORDS})
    assert (agreed["text"], agreed["value"], agreed["accepted"]) == ("1.234,50", 1234.5, True)
    (told,) = numbers(ask, picture, **{"x-words": "twelve dollars"})
    assert (told["text"], told["accepted"], told["reason"]) == ("1.234,50", False, "breaks_words")
    (broken,) = numbers(ask, picture, **{"x-words": WORDS, "x-format": "length=3"})
    assert broken["reason"] == "breaks_format"


def test_words_say_which_of_two_amounts_a_mark_makes(ask: Ask) -> None:
    picture = encode(spelled("1.234"))
    assert numbers(ask, picture)[0]["value"] is None
    (told,) = numbers(ask, picture, **{"x-words": "one thousand two hundred thirty-four"})
    assert (told["value"], told["accepted"]) == (1234, True)


def test_words_may_be_of_other_alphabets_in_a_header_as_torchserve_hands_it_over(ask: Ask) -> None:
    for words in ("壹仟贰佰叁拾肆元伍角整", "mil doscientos treinta y cuatro dólares con 50/100"):
        for sent in (words, words.encode().decode("latin-1")):
            assert numbers(ask, encode(spelled("1234.50")), **{"x-words": sent})[0]["accepted"]


def test_words_of_a_request_are_for_the_amounts_of_its_template_and_a_field_may_have_its_own(ask: Ask) -> None:
    halves = {"date": {"box": [0, 0, 1, 0.5], "format": "date"}, "amount": {"box": [0, 0.5, 1, 1], "format": "amount"}}
    picture = encode(stacked("12.05.2024", "1.234,50"))
    for words, reason in ((WORDS, None), ("twelve", "breaks_words")):
        for headers in (
            asked_for({"fields": halves}, **{"x-words": words}),
            asked_for({"fields": halves | {"amount": halves["amount"] | {"words": words}}}, **{"x-words": "nine"}),
        ):
            fields = json.loads(ask(picture, headers).body)["fields"]
            assert (fields["date"]["accepted"], fields["amount"].get("reason")) == (True, reason)


def test_words_beside_a_template_without_an_amount_are_refused(ask: Ask) -> None:
    fields = {"date": {"box": [0, 0, 1, 1], "format": "date"}}
    answer = ask(encode(spelled("12")), asked_for({"fields": fields}, **{"x-words": WORDS}))
    assert (answer.status, "amount" in json.loads(answer.body)["message"]) == (400, True)
    for bad in ({"words": 7}, {"words": "secret"}):
        answer = ask(encode(spelled("12")), asked_for({"fields": {"a": {"box": [0, 0, 1, 1], "format": "amount"} | bad}}))
        assert (answer.status, "secret" in json.loads(answer.body)["message"]) == (400, False)


def test_instances_tensors_and_inputs_over_grpc_have_words_too(ask: Ask) -> None:
    (data,) = v1(encode(spelled("1.234,50")))["instances"]
    body = {"instances": [{"data": data, "words": words} for words in (WORDS, "twelve", "secret")]}
    agreed, told, refused = json.loads(ask(body).body)["predictions"]
    assert (agreed["numbers"][0]["accepted"], told["numbers"][0]["reason"], refused["code"]) == (True, "breaks_words", 400)
    body = {"inputs": [{"name": "x", "datatype": "BYTES", "shape": [1], "data": [data]}], "parameters": {"words": "twelve"}}
    assert tensors(json.loads(ask(body).body))["reason"] == ["breaks_words"]
    answer = ask({"data": encode(spelled("1234.50")), "words": "壹仟贰佰叁拾肆元伍角整".encode()}, {}, {"data": ""})
    assert json.loads(answer.body)["numbers"][0]["accepted"]


def test_figures_in_the_text_of_a_document_agree_or_do_not(ask: Ask) -> None:
    file = pdf(written((72, 780, "1,234.50")))
    assert numbers(ask, file, **{"x-words": WORDS})[0]["accepted"]
    assert numbers(ask, file, **{"x-words": "twelve"})[0]["reason"] == "breaks_words"
