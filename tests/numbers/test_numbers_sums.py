"""Sums of a template's fields: how they are asked for, reckoned and told, and what becomes of fields in one that does not hold."""

import json
from typing import Any

import pytest
from asked_numbers import REST, Ask, ask
from doors import encode, tensors, v1
from made_documents import pdf, written
from test_numbers_templates import asked_for, stacked

from digitkit.errors import BadRequest
from digitkit.readers.numbers.pages.sums import Sum, parse_sums

__all__ = ["ask"]  # a fixture of another file

AMOUNTS = {name: {"box": [0, i / 3, 1, (i + 1) / 3], "format": "amount", "page": 1} for i, name in enumerate(("net", "tax", "total"))}
BILL = {"fields": AMOUNTS, "sum": "total = net + tax"}


def told(ask: Ask, *texts: str, template: Any = BILL, **headers: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(encode(stacked(*texts)), asked_for(template, **headers)).body)
    return found


def test_a_sum_that_holds_is_told_and_changes_no_reading(ask: Ask) -> None:
    answer = told(ask, "100,00", "19,00", "119,00")
    assert answer["sums"] == [{"total": "total", "items": ["net", "tax"], "amount": "119.00", "holds": True}]
    alone = told(ask, "100,00", "19,00", "119,00", template={"fields": AMOUNTS})["fields"]
    surer = {name: each | {"confidence": answer["fields"][name]["confidence"]} for name, each in alone.items()}
    assert answer["fields"] == surer
    assert all(surer[name]["confidence"] >= each["confidence"] for name, each in alone.items())
    assert all(each["accepted"] for each in answer["numbers"])


def test_none_of_the_fields_of_a_sum_that_does_not_hold_is_accepted(ask: Ask) -> None:
    answer = told(ask, "100,00", "19,00", "118,00")
    assert answer["sums"][0]["holds"] is False
    assert [(each["text"], each["accepted"], each["reason"]) for each in answer["fields"].values()] == [
        ("100,00", False, "breaks_sum"),
        ("19,00", False, "breaks_sum"),
        ("118,00", False, "breaks_sum"),
    ]
    assert answer["numbers"] == [*answer["fields"].values()]


def test_a_field_that_breaks_its_format_keeps_that_reason_and_one_outside_the_sum_is_accepted(ask: Ask) -> None:
    fields = AMOUNTS | {"tax": AMOUNTS["tax"] | {"format": "length=9"}}
    answer = told(ask, "100,00", "19", "118,00", template={"fields": fields, "sum": "total=net"})["fields"]
    assert {name: each.get("reason", "") for name, each in answer.items()} == {
        "net": "breaks_sum",
        "tax": "breaks_format",
        "total": "breaks_sum",
    }


def test_decimals_are_exact_and_all_of_them_are_told(ask: Ask) -> None:
    fields = {name: region | {"format": ""} for name, region in AMOUNTS.items()}
    answer = told(ask, "0,1", "0,20", "0,3", template={"fields": fields, "sum": "total=net+tax"})
    assert answer["sums"][0] == {"total": "total", "items": ["net", "tax"], "amount": "0.30", "holds": True}
    many = "12345678901234567890"
    longer = told(ask, many, "1", "12345678901234567891", template={"fields": fields, "sum": "total=net+tax"})
    assert (longer["sums"][0]["amount"], longer["sums"][0]["holds"]) == ("12345678901234567891", True)


@pytest.mark.parametrize("texts", [("100,00", "*", "100,00"), ("100,00", "1.234", "1334,00"), ("100,00", "19,00", "12/05")])
def test_a_sum_with_a_field_that_is_missing_or_can_be_two_amounts_is_neither_right_nor_wrong(texts: tuple[str, ...], ask: Ask) -> None:
    fields = {name: region | {"format": ""} for name, region in AMOUNTS.items()}
    answer = told(ask, *texts, template={"fields": fields, "sum": "total=net+tax"})
    assert answer["sums"][0]["holds"] is None
    assert all(each.get("reason") in (None, "no_number") for each in answer["fields"].values())


def test_a_header_asks_before_the_template_and_several_sums_may_be_asked_for(ask: Ask) -> None:
    answer = told(ask, "100,00", "19,00", "119,00", **{"x-sum": "net=tax;total=net+tax"})
    assert [each["holds"] for each in answer["sums"]] == [False, True]
    assert [each["accepted"] for each in answer["fields"].values()] == [False, False, True]
    assert "sums" not in told(ask, "1", "2", "3", template={"fields": AMOUNTS})


def test_an_instance_a_tensor_and_an_input_over_grpc_ask_too(ask: Ask) -> None:
    (data,) = v1(encode(stacked("100,00", "19,00", "119,00")))["instances"]
    hints = {"template": {"fields": AMOUNTS}, "sum": "total=net+tax"}
    (listed,) = json.loads(ask({"instances": [{"data": data} | hints]}).body)["predictions"]
    assert listed["sums"][0]["holds"]
    body = {"inputs": [{"name": "x", "datatype": "BYTES", "shape": [1], "data": [data]}], "parameters": hints}
    assert json.loads(tensors(json.loads(ask(body).body))["sums"][0]) == listed["sums"]
    row = {"data": encode(stacked("1", "2", "3")), "template": json.dumps({"fields": AMOUNTS}).encode(), "sum": b"total=net+tax"}
    assert json.loads(ask(row, {}, {"data": ""}).body)["sums"][0]["amount"] == "3"


def test_a_sum_goes_over_the_pages_of_a_document_and_is_unknown_where_one_was_not_asked_for(ask: Ask) -> None:
    file = pdf(written((72, 780, "100.00")), written((72, 780, "19.00"), (72, 400, "119.00")))
    fields = {
        "net": {"box": [0, 0, 1, 0.2], "format": "amount"},
        "tax": {"box": [0, 0, 1, 0.2], "format": "amount", "page": 2},
        "total": {"box": [0, 0.4, 1, 0.6], "format": "amount", "page": 2},
    }
    headers = asked_for({"fields": fields, "sum": "total=net+tax"})
    assert json.loads(ask(file, headers).body)["sums"] == [{"total": "total", "items": ["net", "tax"], "amount": "119.00", "holds": True}]
    assert json.loads(ask(file, headers | {"x-page": "2"}).body)["sums"][0]["holds"] is None


@pytest.mark.parametrize(
    "sum", ["total", "total=", "=net", "total=net+", "total=net-tax", "total=secret", "secret=net", "total=net;", "total==net", "9" * 3001]
)
def test_a_sum_that_is_none_is_refused_without_an_echo(sum: str, ask: Ask) -> None:
    for headers in (asked_for(BILL, **{"x-sum": sum}), asked_for(BILL | {"sum": sum})):
        answer = ask(encode(stacked("1", "2", "3")), headers)
        assert (answer.status, json.loads(answer.body)["type"]) == (400, "BadRequest")
        assert "secret" not in json.loads(answer.body)["message"]


def test_a_sum_without_a_template_and_one_that_is_no_string_are_refused(ask: Ask) -> None:
    assert ask(encode(stacked("1")), REST | {"x-sum": "total=net"}).status == 400
    assert ask(encode(stacked("1")), asked_for(BILL | {"sum": ["total=net"]})).status == 400


def test_sums_are_parsed_in_their_order() -> None:
    assert parse_sums("a=b + c_2; d-1 = a", {"a", "b", "c_2", "d-1"}) == (Sum("a", ("b", "c_2")), Sum("d-1", ("a",)))
    with pytest.raises(BadRequest, match="sum 2"):
        parse_sums("a=b;a=", {"a", "b"})
