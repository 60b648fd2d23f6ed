"""Data-parallel training: several processes take the steps that one would take."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from parallel_worker import SAME, drawn_trainer, splits

from training.learn.loop import Trainer
from training.learn.parallel import ALONE, Group, joined
from training.recipe import TrainingError

WORKER = Path(__file__).parent.with_name("parallel_worker.py")


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory, mnist_root: Path) -> list[dict[str, Any]]:
    """What each of two processes found in parallel_worker.py."""
    out = tmp_path_factory.mktemp("parallel")
    for name in ("same", "whole", "drawn"):
        (out / name).mkdir()
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        str(WORKER),
        str(out),
        str(mnist_root),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert done.stdout.count("epoch   1/2") == 2, "only the first process prints"
    return [torch.load(out / f"rank-{rank}.pt") for rank in range(2)]


@pytest.mark.slow
def test_two_processes_train_to_the_weights_of_one(ranks: list[dict[str, Any]], mnist_root: Path, tmp_path: Path) -> None:
    alone = Trainer(SAME, *splits(mnist_root))
    start = {name: value.clone() for name, value in alone.net.state_dict().items()}
    history = alone.run(tmp_path, resume=False).history
    theirs, their_history = ranks[0]["same"]
    for name, value in alone.net.state_dict().items():
        assert not torch.allclose(value, start[name], atol=1e-3)
        assert torch.allclose(value, theirs[name], atol=1e-4)
    assert history[-1]["loss/validation"] == pytest.approx(their_history[-1]["loss/validation"], abs=1e-3)


@pytest.mark.slow
def test_two_processes_train_on_drawn_pictures_to_the_weights_of_one(ranks: list[dict[str, Any]], tmp_path: Path) -> None:
    alone = drawn_trainer()
    start = {name: value.clone() for name, value in alone.net.state_dict().items()}
    alone.run(tmp_path)
    for theirs in (rank["drawn"][0] for rank in ranks):
        for name, value in alone.net.state_dict().items():
            assert not torch.allclose(value, start[name], atol=1e-3)
            assert torch.allclose(value, theirs[name], atol=1e-5)


@pytest.mark.slow
def test_all_processes_hold_the_same_parameters_and_the_firsts_validation(ranks: list[dict[str, Any]]) -> None:
    (first, first_history), (second, second_history) = (rank["whole"] for rank in ranks)
    parameters = [name for name in first if "running" not in name]
    assert all(torch.equal(first[name], second[name]) for name in parameters)
    assert first_history[-1]["accuracy/validation"] == second_history[-1]["accuracy/validation"] > 0.3


@pytest.mark.slow
def test_two_processes_go_on_from_a_checkpoint_to_the_same_bits(ranks: list[dict[str, Any]]) -> None:
    whole, resumed = ranks[0]["whole"][0], ranks[0]["resumed"][0]
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.parametrize(("pictures", "batch", "size"), [(512, 64, 2), (515, 64, 4), (129, 64, 2), (60, 64, 4)])
def test_shares_make_up_every_batch_and_differ_by_nothing_in_length(pictures: int, batch: int, size: int) -> None:
    order = torch.randperm(pictures, generator=torch.Generator().manual_seed(0))
    shares = [Group(rank, size).shares(order, batch) for rank in range(size)]
    alone = ALONE.shares(order, batch)
    assert {len(steps) for steps in shares} == {len(alone)}
    for step, whole in enumerate(alone):
        parts = [steps[step] for steps in shares]
        assert len({len(part) for part in parts}) == 1
        together = torch.cat(parts)
        assert set(whole.tolist()) <= set(together.tolist())
        assert len(together) - len(whole) < size


def test_a_process_alone_takes_every_batch_whole() -> None:
    order = torch.randperm(100)
    assert torch.equal(torch.cat(ALONE.shares(order, 32)), order)
    assert ALONE.from_first(lambda: 3) == 3
    with joined("cpu") as group:
        assert group is ALONE


def test_a_batch_that_the_processes_cannot_share_is_refused(mnist_root: Path) -> None:
    with pytest.raises(TrainingError, match="3 processes cannot share batches of 64; make --batch-size a multiple"):
        Trainer(SAME, *splits(mnist_root), group=Group(0, 3))


def test_under_torchrun_a_gpu_by_its_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TORCHELASTIC_RUN_ID": "1", "RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TrainingError, match="every process takes the GPU of its own number"), joined("cuda:1"):
        pass
