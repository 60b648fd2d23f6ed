"""The search for a recipe: it goes on where it was, gives up what is behind, starts killed trials anew, and reports flags that train."""

import html
import shlex
import time
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from optuna.study import Study
from optuna.trial import TrialState

from training.data import mnist
from training.recipe import RECIPES, Recipe, TrainingError, add_flags, from_flags
from training.search import run_search, search_report, trials
from training.search.search_report import command_of, importances, write_report
from training.search.search_space import SPACE, part_of
from training.search.trials import SearchPlan, open_study, search

BASE = replace(RECIPES["quick"], epochs=4, pictures=512, synthetic=0.0, precision="float32", device="cpu")


class FakeTrainer:
    """A training that ends as far from right as its learning rate from a hundredth, and nears that by a tenth an epoch."""

    asked: list[Recipe] = []  # noqa: RUF012

    def __init__(self, recipe: Recipe, *splits: mnist.Split) -> None:
        self.recipe, self.progress = recipe, SimpleNamespace(epoch=0, best_accuracy=0.0)
        FakeTrainer.asked.append(recipe)

    def is_stuck(self) -> bool:
        return False

    def epoch(self) -> None:
        self.progress.epoch += 1
        self.progress.best_accuracy = 1 - (abs(self.recipe.learning_rate - 0.01) + 0.01) * (1.5 - self.progress.epoch / 10)


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SearchPlan]:
    """Makes plans in one database, whose trainings are fake ones."""
    monkeypatch.setattr(trials, "Trainer", FakeTrainer)
    FakeTrainer.asked = []
    nothing: tuple[object, object] = (None, None)

    def make(count: int, base: Recipe = BASE, fields: tuple[str, ...] = ("learning_rate", "dropout")) -> SearchPlan:
        return SearchPlan(base, part_of(fields), f"sqlite:///{tmp_path}/trials.sqlite", count, nothing)  # type: ignore[arg-type]

    return make


def ended(study: Study) -> int:
    return len(study.get_trials(states=trials.ENDED))


def test_the_recipe_itself_is_the_first_trial_and_more_trials_are_a_larger_number(plan: Callable[..., SearchPlan]) -> None:
    assert ended(search(plan(3), 1)) == 3
    assert FakeTrainer.asked[0] == BASE
    assert len({recipe.learning_rate for recipe in FakeTrainer.asked}) == 3
    assert ended(search(plan(3), 1)) == 3 and len(FakeTrainer.asked) == 3
    assert ended(search(plan(5), 1)) == 5 and len(FakeTrainer.asked) == 5


def test_only_the_fields_that_are_named_change_and_stay_in_their_space(plan: Callable[..., SearchPlan]) -> None:
    search(plan(6), 1)
    for recipe in FakeTrainer.asked:
        assert replace(recipe, learning_rate=BASE.learning_rate, dropout=BASE.dropout) == BASE
        assert all(SPACE[name].has(getattr(recipe, name)) for name in ("learning_rate", "dropout"))


def test_a_trial_that_is_behind_the_others_is_given_up(plan: Callable[..., SearchPlan]) -> None:
    study = search(plan(20), 1)
    gone = study.get_trials(states=(TrialState.PRUNED,))
    assert gone and all(len(trial.intermediate_values) < BASE.epochs for trial in gone)
    assert study.best_value < 0.02 and all(study.best_value <= min(trial.intermediate_values.values()) for trial in gone)


def test_a_killed_trial_begins_anew_with_its_own_recipe(plan: Callable[..., SearchPlan], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "HEARTBEAT_S", 1)
    monkeypatch.setattr(trials, "SILENT_S", 1)
    study = open_study(plan(3))
    with pytest.warns(UserWarning, match="Heartbeat"):  # that is beaten below
        study.ask()  # takes the recipe itself
        killed = study.ask()
    rate = killed.suggest_float("learning_rate", SPACE["learning_rate"].low, SPACE["learning_rate"].high, log=True)  # type: ignore[union-attr]
    for number in (0, 1):
        study._storage.record_heartbeat(study.trials[number]._trial_id)  # type: ignore[attr-defined]
    time.sleep(2.1)  # the database tells time by whole seconds
    assert ended(search(plan(3), 1)) == 3
    assert [recipe.learning_rate for recipe in FakeTrainer.asked[:2]] == [BASE.learning_rate, rate]


def test_a_trial_that_somebody_ends_is_the_next_one(plan: Callable[..., SearchPlan], monkeypatch: pytest.MonkeyPatch) -> None:
    search(plan(1), 1)

    def interrupted(trainer: FakeTrainer) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(FakeTrainer, "epoch", interrupted)
        search(plan(2), 1)
    assert ended(search(plan(2), 1)) == 2
    assert FakeTrainer.asked[1] == FakeTrainer.asked[2] != BASE


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"base": replace(BASE, epochs=5, seed=2)}, "of another recipe, which differs in epochs, seed"),
        ({"fields": ("dropout",)}, "of the fields learning_rate,dropout"),
    ],
)
def test_the_search_of_something_else_is_not_gone_on_with(plan: Callable[..., SearchPlan], changed: dict[str, object], told: str) -> None:
    search(plan(1), 1)
    with pytest.raises(TrainingError, match=told):
        search(plan(2, **changed), 1)


def test_a_field_that_cannot_be_searched_is_told_with_those_that_can() -> None:
    with pytest.raises(ValueError, match="depth cannot be searched; what can is learning_rate, weight_decay"):
        part_of(["depth"])


def test_the_best_recipe_as_flags_is_read_as_that_recipe(plan: Callable[..., SearchPlan]) -> None:
    study = search(plan(4, fields=()), 1)
    words = shlex.split(command_of(study, "quick", BASE))
    assert words[:3] == ["make", "train-many", "RECIPE=quick"]
    parser = ArgumentParser()
    add_flags(parser)
    recipe = from_flags("quick", vars(parser.parse_args(words[3].removeprefix("FLAGS=").split())))
    assert recipe.pictures == BASE.pictures and recipe.epochs == BASE.epochs
    for name, value in study.best_trial.params.items():
        assert getattr(recipe, name) == (pytest.approx(value, rel=1e-3) if isinstance(value, float) else value)


def test_the_report_tells_what_mattered_once_there_are_enough_trials(plan: Callable[..., SearchPlan], tmp_path: Path) -> None:
    study = search(plan(2), 1)
    assert importances(study) == {}
    assert write_report(study, "quick", BASE, tmp_path / "early").exists()
    study = search(plan(30), 1)
    mattered = importances(study)
    assert list(mattered) == ["learning_rate", "dropout"] and mattered["learning_rate"] > 0.7
    page = write_report(study, "quick", BASE, tmp_path).read_text()
    assert html.escape(command_of(study, "quick", BASE), quote=False).replace("'", "&#39;") in page
    assert f"{study.best_value:.2%} of validation read wrong, {trials.wrong_of(study.trials[0]):.2%} with the values that quick has" in page
    other = write_report(study, "quick", replace(BASE, dropout=0.21), tmp_path / "other").read_text()
    assert f"{study.best_value:.2%} of validation read wrong</h1>" in other
    assert page.count('<tr class="whole">') == len(study.get_trials(states=(TrialState.COMPLETE,)))
    assert search_report.REPORT in {path.name for path in tmp_path.iterdir()}


def test_the_command_trains_on_mnist_in_two_processes_and_leaves_its_report(
    mnist_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run_search, "REPORTS", tmp_path / "reports")
    place = ["--run", str(tmp_path / "run"), "--data-root", str(mnist_root)]
    fields = ["--epochs", "1", "--pictures", "512", "--batch-size", "64", "--synthetic", "0", "--device", "cpu"]
    monkeypatch.setattr("sys.argv", ["search", "--trials", "2", "--jobs", "2", "--fields", "learning_rate", *place, *fields])
    run_search.main()
    told = capsys.readouterr().out
    assert "make train-many RECIPE=quick FLAGS='" in told and "--pictures 512" in told and "--learning-rate" in told
    assert (tmp_path / "reports" / "quick" / "search.html").exists() and (tmp_path / "run" / "trials.sqlite").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--trials", "0"], "--trials and --jobs must be 1 or more"),
        (["--recipe", "slow"], "unknown recipe 'slow'"),
        (["--fields", "depth"], "depth cannot be searched"),
        (["--storage", "nowhere://x"], "nowhere"),
    ],
)
def test_what_cannot_be_searched_is_a_sentence(
    words: list[str], told: str, mnist_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["search", *words, "--data-root", str(mnist_root)])
    with pytest.raises(SystemExit) as end:
        run_search.main()
    assert told in f"{end.value.code} {capsys.readouterr().err}"
