"""What the handler offers to be kept, and that a request never notices."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import FakeContext
from samples import eventually, files_in, knobs, opened
from sqlalchemy import select

from digitkit.collect.collector import Collector
from digitkit.collect.schema import ANSWERS
from digitkit.serving.guard import Guard
from digitkit.serving.request_log import RequestLog


def batch(*bodies: bytes, **headers: str) -> tuple[list[dict[str, Any]], FakeContext]:
    sent = {"Host": "127.0.0.1:8080", "url_path": "", "body": {"content-type": "image/png"}, **headers}
    return [{"body": bytearray(body)} for body in bodies], FakeContext([sent for _ in bodies])


@pytest.fixture(autouse=True)
def logged(handler: Any, tmp_path: Path) -> None:
    handler.log = RequestLog(tmp_path / "requests.log", handler.model, "notable")


@pytest.fixture
def collecting(handler: Any, tmp_path: Path) -> Any:
    handler.collector = Collector(knobs(tmp_path), "digits", {"model": "digits", "version": "1.0"}, Guard())
    return handler


def test_every_picture_that_is_read_is_kept_with_its_answer_and_the_requests_id(
    collecting: Any, ten_pngs: list[bytes], tmp_path: Path
) -> None:
    answers = [json.loads(body) for body in collecting.handle(*batch(ten_pngs[7], b"broken", ten_pngs[3]))]
    eventually(lambda: len(files_in(tmp_path)) == 2)
    with opened(tmp_path) as store, store.reading() as connection:
        kept = connection.execute(select(ANSWERS).order_by(ANSWERS.c.request_id)).mappings().all()
        pictures = {store.picture(row["sha256"]) for row in kept}
    assert [(row["label"], row["request_id"], row["model"], row["version"]) for row in kept] == [
        ("7", "request-0", "digits", "1.0"),
        ("3", "request-2", "digits", "1.0"),
    ]
    assert kept[0]["confidence"] == pytest.approx(answers[0]["confidence"], abs=1e-4)
    assert (np.argmax(kept[0]["logits"]), len(kept[0]["logits"])) == (7, 10)
    assert pictures == {ten_pngs[7], ten_pngs[3]}


def test_an_explanation_keeps_nothing(collecting: Any, ten_pngs: list[bytes]) -> None:
    collecting.handle(*batch(ten_pngs[7], explain="True"))
    collecting.handle(*batch(ten_pngs[3]))
    total = Counter[str]()
    eventually(lambda: bool(total.update({label: int(value) for _, label, value in collecting.collector.drain()}) or total.total()))
    assert +total == Counter({"reason:random": 1})


def test_a_collector_that_fails_costs_no_answer(handler: Any, ten_pngs: list[bytes]) -> None:
    handler.collector = object()
    (answer,) = handler.handle(*batch(ten_pngs[7]))
    assert json.loads(answer)["digit"] == 7


def test_what_is_kept_is_handed_on_with_the_other_counts(collecting: Any, ten_pngs: list[bytes]) -> None:
    lines = list(collecting.metrics._drain(every=True))
    assert not [line for line in lines if "collect" in line]
    collecting.metrics._others = collecting.collector.drain
    told = "\n".join(collecting.metrics._drain(every=True))
    for name in ("digits_collected_total.count:0.0", "reason:not_accepted", "digits_collect_dropped_total.count:0.0", "cause:queue"):
        assert name in told
