"""The list of models: what it may say, what make is told of it, and what of a store is served."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cards import FACTS
from conftest import ROOT

from deploy.errors import ServerError
from deploy.machine.store_models import archives, check_archives, listed, served_models
from deploy.model_list import DIGITS, choose, models_of, read_models, words
from deploy.server import Server
from digitkit.artifacts.card import write_card
from digitkit.artifacts.store import load_order

SECTION = {
    "task": '"letters"', "target": '"onnx"', "form": '"float32"', "artifact": '"letters.onnx"', "config": '"own.yaml"', "built": "true",
    "probe": '{picture = "b.png", answer = {letter = "b"}}', "budget": '"letters"',
}  # fmt: skip


def write_list(folder: Path, *sections: dict[str, str]) -> Path:
    """A list with the sections letters, letters1 and so on, beside the files that SECTION names."""
    for name in ("own.yaml", "b.png"):
        (folder / name).touch()
    path = folder / "models.toml"
    path.write_text("".join(
        f"[letters{i or ''}]\n" + "".join(f"{key} = {value}\n" for key, value in section.items()) for i, section in enumerate(sections)
    ))  # fmt: skip
    return path


def fake_archive(path: Path, version: str = "1.0") -> Path:
    path.write_bytes(path.name.encode())
    write_card(path, **FACTS | {"version": version})
    return path


def test_the_shipped_list_has_both_targets_of_both_tasks_always_and_three_forms_on_request() -> None:
    models = read_models()
    assert [model.name for model in choose(models)] == ["digits", "digits_onnx", "numbers", "numbers_onnx"]
    assert [model.name for model in choose(models, forms=["int8", "bfloat16"])] == [
        "digits",
        "digits_onnx",
        "digits_onnx_int8",
        "digits_bfloat16",
        "numbers",
        "numbers_onnx",
    ]
    assert [model.name for model in choose(models, names=["digits_onnx_int8", "digits"])] == ["digits", "digits_onnx_int8"]
    assert [model.name for model in models_of(DIGITS)] == [name for name in models if name.startswith("digits")]
    assert [model.name for model in models_of("numbers")] == ["numbers", "numbers_onnx"]
    assert models_of("letters") == []


def test_a_model_of_another_task_brings_its_own_picture_answer_and_configuration(tmp_path: Path) -> None:
    (model,) = read_models(write_list(tmp_path, SECTION)).values()
    assert (model.name, model.task, model.config) == ("letters", "letters", tmp_path / "own.yaml")
    assert (model.probe.picture, model.probe.answer) == (tmp_path / "b.png", {"letter": "b"})


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"formm": '"int8"'}, "letters has the unknown key formm; known are task, target, form, config, built, probe, budget, artifact"),
        ({"form": None}, "letters lacks form; known are task"),
        ({"built": '"yes"'}, "letters: built must be true or false"),
        ({"task": "7", "budget": "[]"}, "letters: task must be a text, budget must be a text"),
        ({"probe": '"b.png"'}, "letters: probe must be a table with picture and answer"),
        ({"probe": '{picture = "b.png"}'}, "letters: probe lacks answer; known are picture, answer"),
        ({"probe": '{picture = "b.png", answer = {}}'}, "letters: probe must be a picture's path and a table"),
        ({"probe": '{picture = "c.png", answer = {a = 1}}'}, "letters names c.png, and there is no file"),
        ({"config": '"lost.yaml"'}, "letters names lost.yaml, and there is no file"),
        ({"target": '"tensorrt"'}, "letters: target is 'tensorrt'; accepted are pytorch and onnx"),
        ({"artifact": '"letters.pt"'}, "letters: artifact is 'letters.pt'; it must be the name of a file that ends in .onnx"),
        ({"artifact": None}, "letters: artifact is ''; it must be"),
        ({"artifact": '"../letters.onnx"'}, "it must be the name of a file"),
        ({"budget": ""}, "Invalid value"),
    ],
)
def test_a_section_that_cannot_be_is_one_sentence(changed: dict[str, Any], told: str, tmp_path: Path) -> None:
    section = {key: value for key, value in (SECTION | changed).items() if value is not None}
    with pytest.raises(ServerError) as caught:
        read_models(write_list(tmp_path, section))
    assert str(caught.value).startswith("models.toml: ")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_list_an_empty_one_a_strange_name_and_two_models_of_one_artifact_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    with pytest.raises(ServerError, match=r"models\.toml: .*No such file"):
        read_models(path)
    for text, told in (
        ("", "it lists no model"),
        ("digits = 1", "digits is no section"),
        ('["digits-1.0"]', "'digits-1.0' is no name of a model"),
    ):
        path.write_text(text)
        with pytest.raises(ServerError, match=told):
            read_models(path)
    with pytest.raises(ServerError, match="two models name one artifact"):
        read_models(write_list(tmp_path, SECTION, SECTION))


def test_make_is_told_of_each_archive_what_is_in_it_and_which_are_chosen() -> None:
    models = read_models()
    told = list(words(models, choose(models, names=["digits"])))
    assert told[:2] == ["archive=model_store/digits.mar", "config@model_store/digits.mar=handlers/model-config.yaml"]
    assert "artifact@model_store/digits_onnx.mar=model_store/digits.onnx" in told
    assert {"onnx=model_store/digits.onnx", "form@model_store/digits.onnx=float32", "pytorch=model_store/digits.bfloat16.pt"} <= set(told)
    assert {"numbers-onnx=model_store/numbers.onnx", "weights@model_store/numbers.mar=training/released/numbers.pt"} <= set(told)
    beside = {"beside@model_store/digits.mar=training/released/eye.pt", "beside@model_store/numbers_onnx.mar=model_store/finder.onnx"}
    assert beside <= set(told)
    assert [word for word in told if word.startswith("chosen")] == ["chosen=model_store/digits.mar"]


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("MODELS=letters", "no model letters; there are digits, digits_onnx,"),
        ("FORMS=float32,int4", "no form int4; there are bfloat16, float16, float32, int8"),
    ],
)
def test_make_refuses_a_model_or_a_form_that_is_not_listed_at_once(variable: str, told: str) -> None:
    made = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "export", variable], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (made.returncode, made.stdout) == (2, "")
    (line,) = made.stderr.splitlines()
    assert told in line


def test_make_says_what_is_wrong_with_the_list(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    write_list(tmp_path, SECTION | {"built": "1"})
    made = subprocess.run(["make", "--no-print-directory", "help"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert made.returncode == 2
    assert "models.toml: letters: built must be true or false" in made.stderr


def test_all_that_has_an_archive_in_the_store_is_served_once_whatever_its_versions(tmp_path: Path) -> None:
    for name in ("digits", "digits-1.0", "digits_onnx_int8"):
        fake_archive(tmp_path / f"{name}.mar", version="1.0" if "-" in name else "1.1")
    assert served_models(tmp_path) == ("digits", "digits_onnx_int8")
    assert [archive.name for archive in archives(tmp_path, ("digits",))] == ["digits-1.0.mar", "digits.mar"]
    server = Server(8080, tmp_path, tmp_path)
    assert [model.name for model in server.known()] == ["digits", "digits_onnx_int8"]
    assert server.known("letters") == []
    assert [archive.name for archive in load_order(tmp_path, server.served[:1])] == ["digits.mar", "digits-1.0.mar"]


def test_an_archive_that_the_list_does_not_name_is_refused_and_an_empty_store_as_well(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="holds no archive; make export builds them"):
        served_models(tmp_path)
    fake_archive(tmp_path / "letters.mar")
    with pytest.raises(
        ServerError, match=r"letters\.mar is of no model in models\.toml, which lists digits, .*; give it a section, or remove"
    ):
        Server(8080, tmp_path, tmp_path).prepare()
    with pytest.raises(ServerError, match="is of no model"):
        listed(("digits", "letters"), read_models(), tmp_path)


def test_of_a_named_model_the_archive_must_be_there_with_its_card_and_others_do_not_matter(tmp_path: Path) -> None:
    fake_archive(tmp_path / "digits.mar")
    (tmp_path / "digits_onnx.mar").touch()
    check_archives(tmp_path, ("digits",))
    with pytest.raises(ServerError, match="remove the archive, then make export builds it"):
        check_archives(tmp_path, ("digits_onnx",))
    with pytest.raises(ServerError, match="make export builds it"):
        check_archives(tmp_path, ("digits_bfloat16",))
