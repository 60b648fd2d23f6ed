"""Gates: a file of bounds, and the verdict that names those that a challenger failed."""

import json
from pathlib import Path

import pytest

from training.judge.comparison import FIGURES
from training.judge.judgement import GATES, GateError, decide, load_gates


def gates_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "gates.yaml"
    path.write_text(text)
    return path


def test_the_gates_that_are_shipped_are_about_figures_that_there_are() -> None:
    assert {gate.name for gate in load_gates(GATES, FIGURES)} == FIGURES


def test_a_verdict_names_every_gate_that_failed_with_its_figure_and_its_limit(tmp_path: Path) -> None:
    gates = load_gates(gates_of(tmp_path, "mnist_drop: {most: 0.001}\nreviewed_accuracy: {least: 0.9}\nchance: {least: 0.01}"), FIGURES)
    figures = dict.fromkeys(FIGURES) | {"mnist_drop": 0.002, "reviewed_accuracy": 0.7, "chance": 0.5}
    verdict = decide(gates, figures, champion="a", challenger="b", data={"MNIST": "c"})
    assert (verdict.passed, verdict.failed) == (False, ["mnist_drop", "reviewed_accuracy"])
    told = json.loads(verdict.write(tmp_path).read_text())
    assert told["gates"][0] == {"name": "mnist_drop", "figure": 0.002, "bound": "most", "limit": 0.001, "passed": False}
    assert (told["champion"], told["challenger"], told["data"]) == ("a", "b", {"MNIST": "c"})


@pytest.mark.parametrize(("words", "passed"), [("{most: 0}", False), ("{most: 0, optional: true}", True)])
def test_what_could_not_be_measured_passes_only_where_the_gate_is_optional(words: str, passed: bool, tmp_path: Path) -> None:
    gates = load_gates(gates_of(tmp_path, f"real_drop: {words}"), FIGURES)
    assert decide(gates, dict.fromkeys(FIGURES), champion="", challenger="", data={}).passed is passed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speed: {most: 1}", "has a gate for speed, which is not measured; there are calibration_error, "),
        ("chance: {}", "the gate chance of .* must be as"),
        ("chance: {most: 1, least: 0}", "must be as"),
        ("chance: {most: yes}", "must be as"),
        ("chance: {most: 1, worst: 2}", "must be as"),
        ("chance: 1", "must be as"),
        ("", "holds no gates"),
        ("- chance", "holds no gates"),
        ("{", "holds no gates"),
    ],
)
def test_a_file_that_cannot_be_understood_is_refused_in_one_sentence(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(GateError, match=message) as refused:
        load_gates(gates_of(tmp_path, text), FIGURES)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(GateError, match=r"none.yaml holds no gates"):
        load_gates(tmp_path / "none.yaml", FIGURES)
