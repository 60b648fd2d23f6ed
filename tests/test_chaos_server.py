"""Some of the faults, and a short soak, against the real server."""

import os
from pathlib import Path

import pytest
from served import free_port

from chaos import soak
from chaos.faults import FAULTS, NEW_VERSION
from chaos.questions import Outcome
from chaos.run import Plan, run
from chaos.trial import Trial
from deploy.server import Server
from loadtest.pictures import load_pictures

pytestmark = pytest.mark.server
KNEE = 200.0  # requests a second that a machine with other work carries too
TRIED = ("worker-killed", "hang-ups", "frontend-killed", "broken-archive", "new-version")
SOAK_MINUTES = float(os.environ.get("SOAK_MINUTES", "0.4"))  # 5 in CI


@pytest.fixture(scope="module")
def trials(store: Path, mnist_root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trial]:
    plan = Plan(port=free_port(), store=store, pictures=load_pictures(mnist_root, 50), knee=KNEE, out=tmp_path_factory.mktemp("out"))
    return {trial.fault: trial for trial in run([fault for fault in FAULTS if fault.name in TRIED], plan, lambda line: None)}


@pytest.mark.parametrize("fault", TRIED)
def test_no_answer_is_wrong_and_with_retries_none_is_lost(fault: str, trials: dict[str, Trial]) -> None:
    trial = trials[fault]
    sent = sum(trial.first.values())
    assert sent > KNEE
    assert (trial.first[Outcome.WRONG], trial.final) == (0, {Outcome.RIGHT: sent})
    assert trial.passed


def test_a_killed_frontend_loses_requests_of_clients_that_never_ask_twice(trials: dict[str, Trial]) -> None:
    assert trials["frontend-killed"].first[Outcome.LOST] > 0


def test_hostile_clients_and_a_broken_archive_cost_nobody_an_answer(trials: dict[str, Trial]) -> None:
    for fault in ("hang-ups", "broken-archive"):
        assert set(trials[fault].first) == {Outcome.RIGHT}
    assert set(trials["broken-archive"].versions) == {"1.0"}


def test_a_new_version_takes_over_under_load(trials: dict[str, Trial]) -> None:
    assert set(trials["new-version"].versions) == {"1.0", NEW_VERSION}


def test_mixed_traffic_is_answered_right_for_as_long_as_it_lasts(store: Path, mnist_root: Path, tmp_path: Path) -> None:
    _, bins = soak.run(Server(free_port(), store, tmp_path), mnist_root, SOAK_MINUTES, knee=KNEE)
    assert sum(b.requests for b in bins) == pytest.approx(60 * SOAK_MINUTES * KNEE * soak.SHARE, rel=0.02)
    assert sum(b.failed for b in bins) == 0
    soak.plot(tmp_path / "soak.png", bins)
    soak.write_csv(tmp_path / "soak.csv", bins)
    assert len((tmp_path / "soak.csv").read_text().splitlines()) == soak.BINS + 1
    assert (tmp_path / "soak.png").stat().st_size > 10_000
