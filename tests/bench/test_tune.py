"""The search for settings, with a stand-in for the machine."""

from collections.abc import Callable
from functools import reduce
from pathlib import Path

import pytest
import yaml

from bench.contenders.service import TargetError
from bench.tune import Knobs, KnobsTrial, better, choices, parse_flags, search, shipped_knobs, write

SHIPPED = Knobs(1, 1, 64, 1)
VALUES = choices(2)


def trial(knobs: Knobs, answers_s: float) -> KnobsTrial:
    return KnobsTrial(knobs, answers_s, 5.0, 9.0, 2.0, 120.0, 400.0)


def machine(best: Knobs) -> Callable[[Knobs], KnobsTrial]:
    """A machine on which every knob that differs from `best` costs a fifth."""

    def measure(knobs: Knobs) -> KnobsTrial:
        differing = sum(getattr(knobs, name) != getattr(best, name) for name in VALUES)
        return trial(knobs, 10_000 * 0.8**differing)

    return measure


@pytest.mark.parametrize("best", [SHIPPED, Knobs(2, 1, 64, 1), Knobs(2, 2, 128, 2), Knobs(3, 1, 16, 5)])
def test_the_best_settings_are_found_from_the_shipped_ones(best: Knobs) -> None:
    trials = list(search(SHIPPED, machine(best), VALUES))
    assert trials[0].knobs == SHIPPED
    assert reduce(better, trials).knobs == best
    assert len({t.knobs for t in trials}) == len(trials)


def test_settings_that_are_hardly_faster_are_not_chosen() -> None:
    trials = list(search(SHIPPED, lambda knobs: trial(knobs, 1_000 if knobs == SHIPPED else 1_020), VALUES))
    assert reduce(better, trials).knobs == SHIPPED


def test_settings_that_do_not_work_are_passed_over() -> None:
    measure = machine(Knobs(2, 1, 64, 1))
    trials = list(search(SHIPPED, lambda knobs: None if knobs.workers == 2 else measure(knobs), VALUES))
    assert all(t.knobs.workers != 2 for t in trials)
    assert len(trials) > 1


def test_an_unknown_target_is_refused_with_the_names_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse_flags(["--target", "nothing"])
    assert "no target nothing; there are digits, digits_onnx" in capsys.readouterr().err


def test_without_the_shipped_settings_there_is_nothing_to_compare_with() -> None:
    with pytest.raises(TargetError, match="shipped"):
        next(search(SHIPPED, lambda knobs: None, VALUES))


def test_the_chosen_settings_are_written_with_the_comments_of_the_shipped_ones(tmp_path: Path) -> None:
    best = trial(Knobs(3, 2, 32, 5), 1.0)
    write([trial(shipped_knobs(), 0.5), best], best, tmp_path)
    text = (tmp_path / "model-config.yaml").read_text()
    shipped = Path("handlers/model-config.yaml").read_text()
    changed = {name for name, value in yaml.safe_load(text).items() if value != yaml.safe_load(shipped)[name]}
    assert changed == {"minWorkers", "maxWorkers", "threads", "batchSize", "maxBatchDelay"}
    assert [line for line in text.splitlines() if line.startswith("#")] == [line for line in shipped.splitlines() if line.startswith("#")]
    assert len((tmp_path / "trials.csv").read_text().splitlines()) == 3
