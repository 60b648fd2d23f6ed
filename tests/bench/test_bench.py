"""The bench of the forms: what it counts is right, and every model gets its row."""

import csv
from pathlib import Path

import numpy as np
import pytest
from nets import drawn, written
from numpy.typing import NDArray

from bench import models
from bench.model_speed import speeds
from bench.models import plot, table, write_csv

ROWS = [
    {"model": name, "threads": 1, "batch": batch, "pictures_s": 1000 * batch, "median_us": 900, "p99_us": 1500}
    for name in ("one", "two")
    for batch in (1, 8)
]


def test_every_model_is_timed_with_the_same_batch() -> None:
    seen: dict[str, set[int]] = {"a": set(), "b": set()}

    def timed(name: str, canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen[name].add(len(canvases))
        return np.zeros((len(canvases), 10), dtype=np.float32)

    runs = {name: lambda canvases, name=name: timed(name, canvases) for name in seen}
    found = speeds(runs, np.zeros((100, 28, 28), dtype=np.uint8), 8)
    assert seen == {"a": {8}, "b": {8}}
    assert all(speed.pictures_s > 0 and speed.p99_us >= speed.median_us > 0 for speed in found.values())


def test_csv_table_and_plot_hold_every_row(tmp_path: Path) -> None:
    rows = [*ROWS, {"model": "three"}]
    write_csv(tmp_path / "speed.csv", rows)
    with (tmp_path / "speed.csv").open() as file:
        read = list(csv.DictReader(file))
    assert [row["model"] for row in read] == ["one", "one", "two", "two", "three"]
    assert (read[1]["pictures_s"], read[4]["pictures_s"]) == ("8000", "")
    assert table(rows, "speed").row_count == 5
    plot(tmp_path / "speed.png", ROWS)
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")


def test_forms_that_were_exported_from_other_weights_are_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "STORE", tmp_path)
    weights = written(drawn("lean"), tmp_path / "weights" / "digits.pt")
    ours = written(drawn("lean"), tmp_path / "digits.bfloat16.pt")
    written(drawn("lean"), tmp_path / "digits.int8.onnx", recipe={"seed": 7})
    assert models.files(weights, tmp_path / "seed.onnx") == {
        "PyTorch float32": weights,
        "PyTorch bfloat16": ours,
        "seed CNN, float32": tmp_path / "seed.onnx",
    }
