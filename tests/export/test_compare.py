"""The table of weights files: what is counted, and how it is timed."""

import sys
from pathlib import Path

import numpy as np
import pytest
from nets import drawn, written

from digitkit.readers.digits.net import DigitNet
from export import compare
from training.evaluate.cost import multiply_adds

# Multiply-adds of each layer by hand: pixels of its output, its channels, what one of them sees.
BY_HAND = {
    "lean": 24 * 24 * 32 * 25 + 10 * 10 * 64 * (32 * 9) + 3 * 3 * 128 * (64 * 9) + 1152 * 10,
    "seed": 28 * 28 * 32 * 9 + 14 * 14 * 64 * (32 * 9) + 7 * 7 * 64 * 128 + 128 * 10,
    "deep": 24 * 24 * 32 * 25 + 12 * 12 * 64 * (32 * 9) + 10 * 10 * 64 * (64 * 9)
    + 5 * 5 * 128 * (64 * 9) + 3 * 3 * 128 * (128 * 9) + 1152 * 10,
    "lean-16-32-64": 24 * 24 * 16 * 25 + 10 * 10 * 32 * (16 * 9) + 3 * 3 * 64 * (32 * 9) + 576 * 10,
}  # fmt: skip


@pytest.mark.parametrize("architecture", BY_HAND)
def test_multiply_adds_are_those_counted_by_hand(architecture: str) -> None:
    assert multiply_adds(DigitNet(architecture)) == BY_HAND[architecture]


def test_an_ensemble_costs_the_sum_of_its_members() -> None:
    assert multiply_adds(DigitNet("lean+seed")) == BY_HAND["lean"] + BY_HAND["seed"]


def test_runs_take_turns_on_the_same_batches_and_the_first_round_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, int]] = []
    clock = iter([0, 100, 0, 200, *(time for took in (4, 2, 8, 1, 6, 3) for time in (0, took))])
    monkeypatch.setattr(compare.time, "perf_counter", lambda: next(clock))

    def run(name: str) -> compare.Run:
        def answer(canvases: np.ndarray) -> np.ndarray:
            calls.append((name, len(canvases)))
            return np.zeros((len(canvases), 10), dtype=np.float32)

        return answer

    pictures = np.zeros((12, 28, 28), dtype=np.uint8)
    assert compare.speeds([run("a"), run("b")], pictures, batch=5, rounds=3) == [12 / 6, 12 / 2]
    assert calls == [("a", 5), ("a", 5), ("a", 2), ("b", 5), ("b", 5), ("b", 2)] * 4


@pytest.mark.slow
def test_the_table_has_a_row_for_each_file(
    mnist_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [written(drawn(name), tmp_path / f"{i}.pt") for i, name in enumerate(["lean-2-2-2", "lean-2-2-2+lean-4-4-4"])]
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["compare", "--rounds", "1", "--data-root", str(mnist_root), "--weights", *map(str, files)])
    compare.main()
    rows = [line for line in capsys.readouterr().out.splitlines() if "│" in line]
    assert [row.split("│")[2].strip() for row in rows] == ["lean-2-2-2", "lean-2-2-2+lean-4-4-4"]
    assert all(float(row.split("│")[3].strip().rstrip("%")) <= 100 for row in rows)
