"""What is put under load: the pictures of a model's task, and what is taken for another answer than that of before."""

import json
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import HANDLERS, ROOT
from loaded import answer_of, data_root
from toy.archive import NAME, write_list

from deploy.model_list import LIST
from digitkit.pictures.allowance import Allowance
from digitkit.reader import Hints
from digitkit.readers.numbers.reader import READER as NUMBERS
from digitkit.settings import Settings
from loadtest.generator.doors import from_tensors, in_words_of_rest
from loadtest.generator.traffic import Case
from loadtest.profile import find_profile
from loadtest.strict_yaml import WrongSettings
from loadtest.subject import find_subject
from testbed.answers import ToldAnswer, WrongAnswer, check_answers, read_answer, read_explanation

__all__ = ["data_root"]


def changed_list(folder: Path, line: str, other: str) -> Path:
    """The list of the model that reads darkness, with a line of it replaced."""
    path = write_list(folder)
    assert line in path.read_text().splitlines()
    path.write_text(path.read_text().replace(line, other))
    return path


def test_a_model_of_another_task_is_sent_its_own_pictures_and_accuracy_is_of_them(tmp_path: Path) -> None:
    models = write_list(tmp_path)
    (tmp_path / "shades.yaml").write_text(yaml.safe_dump({"0.png": {"darkness": 1.0}, "204.png": {"darkness": 0.3}}))
    subject = find_subject(NAME, models, tmp_path / "no MNIST")
    assert (subject.task, subject.bodies) == (NAME, [(tmp_path / name).read_bytes() for name in ("0.png", "204.png")])
    assert subject.accuracy([{"darkness": 1.0, "confidence": 0.9}, {"darkness": 0.2}]) == 0.5


def test_a_model_that_reads_digits_and_one_that_is_not_listed_are_sent_the_test_pictures(data_root: Path, tmp_path: Path) -> None:
    models = changed_list(tmp_path, 'pictures = "shades.yaml"', "")
    models.write_text(models.read_text().replace('task = "darkness"', 'task = "digits"'))
    for name in (NAME, "elsewhere"):
        subject = find_subject(name, models, data_root)
        assert subject.task == "digits"
        assert sorted(picture.answer["digit"] for picture in subject.pictures) == list(range(10))
        assert subject.accuracy([answer_of(picture.answer["digit"]) for picture in subject.pictures]) == 1.0


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({}, "is no mapping of names"),
        (["b.png"], "is no mapping of names"),
        ({"b.png": "b"}, "b.png must have what the answer to it says"),
        ({"b.png": {}}, "b.png must have what the answer to it says"),
        ({"lost.png": {"letter": "l"}}, r"names a picture that cannot be read: .*lost\.png"),
    ],
)
def test_pictures_that_cannot_be_sent_are_one_sentence(told: Any, reason: str, tmp_path: Path) -> None:
    models = write_list(tmp_path)
    (tmp_path / "shades.yaml").write_text(yaml.safe_dump(told))
    with pytest.raises(WrongSettings, match=reason):
        find_subject(NAME, models, tmp_path)


def test_another_task_without_pictures_is_refused(tmp_path: Path) -> None:
    models = changed_list(tmp_path, 'pictures = "shades.yaml"', "")
    with pytest.raises(WrongSettings, match=r"models\.toml names no pictures for darkness"):
        find_subject(NAME, models, tmp_path)


SAID = {"letter": "b", "sure": True, "scores": [0.25, 1], "place": {"row": None}, "quad": [[148.6, 20.0]]}


def test_rounding_is_no_other_answer_of_another_task() -> None:
    assert read_explanation(SAID, "letters") == ToldAnswer(SAID)
    check_answers([SAID | {"scores": [0.2504, 1.0]}], [read_answer(SAID, "letters")])
    check_answers([SAID | {"quad": [[148.7, 20.0]]}], [read_answer(SAID, "letters")])


@pytest.mark.parametrize(
    "changed",
    [
        {"letter": "d"}, {"letter": 7}, {"sure": False}, {"sure": 1}, {"scores": [0.26, 1]}, {"scores": [0.25]}, {"scores": None},
        {"place": {}}, {"place": {"row": 0}}, {"more": 1}, {"quad": [[148.8, 20.0]]}, {"quad": [[148.6]]}, {"quad": 1},
    ],
)  # fmt: skip
def test_whatever_else_differs_is_another_answer(changed: dict[str, Any]) -> None:
    with pytest.raises(WrongAnswer, match="wrong content"):
        check_answers([SAID | changed], [read_answer(SAID, "letters")])


@pytest.mark.parametrize("answer", [None, [], {}, "b", {"code": 503, "type": "Overloaded", "message": ""}])
def test_what_is_no_answer_of_any_task_is_malformed(answer: Any) -> None:
    with pytest.raises(WrongAnswer, match="malformed"):
        read_answer(answer, "letters")


def test_tensors_of_any_task_are_the_answers_to_its_pictures() -> None:
    outputs = {"letter": ["b", "?"], "scores": [0.25, 1, 0, 0], "error": ["", '{"code": 422}']}
    assert from_tensors(outputs) == [{"letter": "b", "scores": [0.25, 1]}, {"code": 422}]


@pytest.mark.parametrize(
    "outputs",
    [{}, {"letter": ["b"]}, {"letter": [], "error": [""]}, {"letter": ["b"] * 3, "error": ["", ""]}, {"letter": 7, "error": [""]}],
)
def test_tensors_that_do_not_fit_together_are_malformed(outputs: dict[str, Any]) -> None:
    with pytest.raises(WrongAnswer, match="malformed"):
        from_tensors(outputs)


def test_a_profile_may_send_pictures_of_its_own_and_documents_are_read_as_they_say(tmp_path: Path) -> None:
    pictures = find_profile("documents").pictures
    subject = find_subject("numbers", LIST, tmp_path / "no MNIST", pictures)
    assert len(subject.pictures) == 4
    assert [body[:4] for body in subject.bodies] == [b"%PDF"] * 3 + [b"II*\0"]
    shipped = Settings.read(HANDLERS / "model-config.yaml")
    settings = replace(shipped, limits=replace(shipped.limits, request_seconds=3600))  # however busy this machine is
    loaded = NUMBERS.load(ROOT / "training" / "released" / "numbers.pt", settings, None)
    known, allowance = NUMBERS.parse_hints(Hints()), Allowance(settings.limits.request_pixels, pages=settings.limits.pages)
    asked = [NUMBERS.prepare(NUMBERS.open_file(body, settings.limits, allowance), known) for body in subject.bodies]
    results = loaded.read(asked, inf)
    answers = [json.loads(NUMBERS.to_json(read)) for read in results]
    assert subject.accuracy(answers) == 1
    outputs = {tensor["name"]: tensor["data"] for tensor in NUMBERS.to_tensors(results)} | {"error": [""] * len(results)}
    case = Case("list", tuple(subject.bodies), tuple(read_answer(answer, "numbers") for answer in answers))
    check_answers(in_words_of_rest(from_tensors(outputs), case), case.expected)
