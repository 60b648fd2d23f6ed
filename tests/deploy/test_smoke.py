"""The smoke check's own decisions, with answers that are made up: what counts as wrong, and how it is told."""

from typing import Any

import pytest
from test_models import SECTION, write_list

from deploy import smoke
from deploy.model_list import read_models
from deploy.server import Server

SERVER = Server(8080)


class Asked:
    """Stands in for smoke.ask: gives one answer, and keeps what was sent with the status that was expected."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer
        self.sent: list[tuple[str, int, int]] = []

    def __call__(self, server: Server, model: str, body: bytes, expected_status: int = 200) -> dict[str, Any]:
        self.sent.append((model, len(body), expected_status))
        return self.answer


def test_a_model_is_asked_for_its_own_picture_and_for_a_truncated_one(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (model,) = read_models(write_list(tmp_path, SECTION)).values()
    model.probe.picture.write_bytes(bytes(100))
    asked = Asked({"letter": "b", "confidence": 0.9})
    monkeypatch.setattr(smoke, "ask", asked)
    smoke.check_known_picture(SERVER, model)
    assert asked.sent == [("letters", 100, 200), ("letters", smoke.CUT, 400)]


def test_another_answer_than_the_listed_one_is_told_with_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "ask", Asked({"digit": 1, "confidence": 0.9}))
    with pytest.raises(smoke.SmokeError, match=r"digits answers \{'digit': 1\} for seven\.png, expected \{'digit': 7\}"):
        smoke.check_known_picture(SERVER, read_models()["digits"])


@pytest.mark.parametrize(("names", "sentence"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_names_stand_in_a_sentence(names: list[str], sentence: str) -> None:
    assert smoke.listing(names) == sentence
