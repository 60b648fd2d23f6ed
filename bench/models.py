"""Every form of the model side by side: `python -m bench.models` writes a table, a CSV and a plot."""

import argparse
import csv
import os
import sys
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from bench.measure import BATCHES, Speed, speeds
from bench.worker import WorkerError, started
from digitkit import net, ort
from digitkit.card import CardError, check_card
from digitkit.contract import Run
from digitkit.picture import encode_png
from training import data
from training.cost import multiply_adds

STORE = Path("model_store")
OUT = Path("reports/bench-models")
SEED = "seed CNN, float32"
FILES = {"ONNX float32": "digits_onnx", "ONNX float16": "digits_onnx_float16", "ONNX int8": "digits_onnx_int8"}
WARM = 64  # requests to a worker before its memory is read


def models(weights: Path, seed: Path, threads: int) -> dict[str, tuple[Path, Run]]:
    """What there is to compare: its file and its Run, by name."""
    backend = net.load(weights, device="cpu")
    torch.set_num_threads(threads)
    found = {"PyTorch float32": (weights, backend.run)}
    graphs = {name: STORE / f"{file.replace('digits_onnx', 'digits').replace('_', '.')}.onnx" for name, file in FILES.items()}
    for name, path in (graphs | {SEED: seed}).items():
        if path.is_file():
            found[name] = (path, ort.load(path, device="cpu", threads=threads).run)
    return found


def facts(weights: Path, seed: Path, test: data.Split) -> list[dict[str, Any]]:
    """A row for each model: what it is made of, how well it reads, and what its worker costs."""
    costs = {path: multiply_adds(net.read(path)) for path in (weights, seed.with_suffix(".pt")) if path.is_file()}
    pictures = [encode_png(picture) for picture in test.pictures[:WARM]]
    rows = []
    for name, (path, run) in models(weights, seed, 1).items():
        card = check_card(path)
        row: dict[str, Any] = {"model": name, "parameters": card.parameters}
        row["multiply_adds"] = costs.get(seed.with_suffix(".pt") if name == SEED else weights, "")
        row |= {"kB": round(card.bytes / 1000), "accuracy": float((run(test.pictures).argmax(axis=1) == test.labels).mean())}
        archive = STORE / f"{FILES.get(name, 'digits')}.mar"
        if name != SEED and archive.is_file():
            with started(archive) as worker:
                worker.ask(pictures)
                row |= {"worker_start_s": round(worker.start_s, 2), "worker_mib": round(worker.resident_mib())}
        rows.append(row)
    return rows


def measure(weights: Path, seed: Path, test: data.Split) -> list[dict[str, Any]]:
    """A row for each model, number of threads and batch size."""
    rows = []
    for threads in sorted({1, os.cpu_count() or 1}):
        runs = {name: run for name, (_, run) in models(weights, seed, threads).items()}
        for batch in BATCHES:
            for name, speed in speeds(runs, test.pictures, batch).items():
                rows.append({"model": name, "threads": threads, "batch": batch} | _columns(speed))
    return rows


def _columns(speed: Speed) -> dict[str, int]:
    return {"pictures_s": round(speed.pictures_s), "median_us": round(speed.median_us), "p99_us": round(speed.p99_us)}


def table(rows: list[dict[str, Any]], title: str) -> Table:
    """Rows as a table for the console, with the columns of the first row that has most."""
    columns = max((list(row) for row in rows), key=len)
    shown = Table(*columns, title=title)
    for row in rows:
        shown.add_row(*(f"{row.get(c, ''):,}" if isinstance(row.get(c), int) else str(row.get(c, "")) for c in columns))
    return shown


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, max((list(row) for row in rows), key=len), restval="")
        writer.writeheader()
        writer.writerows(rows)


def plot(path: Path, rows: list[dict[str, Any]]) -> None:
    """Pictures a second over the batch size, one thread, a line for each model."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for name in dict.fromkeys(row["model"] for row in rows):
        points = [(row["batch"], row["pictures_s"]) for row in rows if row["model"] == name and row["threads"] == 1]
        axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.set(xscale="log", xticks=BATCHES, xlabel="pictures in a batch", ylabel="pictures a second, one thread", ylim=(0, None))
    axes.set_xticks(BATCHES, map(str, BATCHES))
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.models", description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--seed-graph", type=Path, required=True, help="the seed CNN exported in the same way")
    parser.add_argument("--data-root", type=Path, default=data.DATA_ROOT)
    flags = parser.parse_args()
    try:
        test = data.load_test(flags.data_root)
        made, measured = facts(flags.weights, flags.seed_graph, test), measure(flags.weights, flags.seed_graph, test)
    except (CardError, WorkerError, OSError, ValueError, data.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")
    OUT.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False)
    for name, rows, title in (("models", made, "What they are"), ("speed", measured, "How fast they are, on the CPU")):
        write_csv(OUT / f"{name}.csv", rows)
        console.print(table(rows, title))
    plot(OUT / "speed.png", measured)
    print(f"{OUT}/models.csv, speed.csv and speed.png")


if __name__ == "__main__":
    main()
