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

from bench import gpu
from bench.model_speed import BATCHES, Speed, speeds
from bench.worker import WorkerError, started
from deploy.model_list import DIGITS, ListedModel, models_of
from digitkit.artifacts.card import CardError, check_card
from digitkit.contract import Run
from digitkit.pictures.codec import encode_png
from digitkit.readers.digits import net, ort
from testbed.pictures import DATA_ROOT, LabelledCanvases, PicturesError, load_canvases
from training.evaluate.cost import multiply_adds  # noqa: TID251 - a net's cost is counted there, for its report too

STORE = Path("model_store")
OUT = Path("reports/bench-models")
SEED = "seed CNN, float32"
EAGER = "PyTorch float32"
LIBRARIES = {"pytorch": "PyTorch", "onnx": "ONNX"}
WARM = 64  # requests that a worker answers before its memory is read


def forms() -> dict[str, ListedModel]:
    """The models of every form of the weights, and of the weights themselves, by the names that the tables use."""
    return {f"{LIBRARIES[model.target]} {model.form}": model for model in models_of(DIGITS)}


def files(weights: Path, seed: Path) -> dict[str, Path]:
    """By name, the file of each exported form of `weights`, and the seed CNN's graph."""
    recipe = check_card(weights).recipe
    exported = {name: STORE / model.artifact for name, model in forms().items() if (STORE / model.artifact).is_file()}
    ours = {
        name: path for name, path in exported.items() if check_card(path).recipe == recipe
    }  # the others were exported from other weights
    return {EAGER: weights} | ours | {SEED: seed}


def models(weights: Path, seed: Path, threads: int) -> dict[str, Run]:
    """The models to compare by name, all on the CPU."""
    found = {}
    for name, path in files(weights, seed).items():
        found[name] = net.load(path, device="cpu").run if path.suffix == ".pt" else ort.load(path, device="cpu", threads=threads).run
    torch.set_num_threads(threads)
    return found


def facts(weights: Path, seed: Path, test: LabelledCanvases) -> list[dict[str, Any]]:
    """A row for each model: its size, its accuracy, and what its worker costs."""
    costs = {path: multiply_adds(net.read(path)) for path in (weights, seed.with_suffix(".pt")) if path.is_file()}
    pictures = [encode_png(picture) for picture in test.pictures[:WARM]]
    rows, runs, served = [], models(weights, seed, 1), forms()
    for name, path in files(weights, seed).items():
        card, run = check_card(path), runs[name]
        row: dict[str, Any] = {"model": name, "parameters": card.parameters}
        row["multiply_adds"] = costs.get(seed.with_suffix(".pt") if name == SEED else weights, "")
        row |= {"kB": round(card.bytes / 1000), "accuracy": float((run(test.pictures).argmax(axis=1) == test.labels).mean())}
        if name in served:
            with started(STORE / f"{served[name].name}.mar") as worker:
                worker.ask(pictures)
                row |= {"worker_start_s": round(worker.start_s, 2), "worker_mib": round(worker.resident_mib())}
        rows.append(row)
    return rows


def measure(weights: Path, seed: Path, test: LabelledCanvases) -> list[dict[str, Any]]:
    """A row for each model, number of threads and batch size."""
    rows = []
    for threads in sorted({1, len(os.sched_getaffinity(0))}):  # one core, and all that this process may use
        runs = models(weights, seed, threads)
        for batch in BATCHES:
            for name, speed in speeds(runs, test.pictures, batch).items():
                rows.append({"model": name, "threads": threads, "batch": batch} | _columns(speed))
    return rows


def _columns(speed: Speed) -> dict[str, int]:
    return {"pictures_s": round(speed.pictures_s), "median_us": round(speed.median_us), "p99_us": round(speed.p99_us)}


def table(rows: list[dict[str, Any]], title: str) -> Table:
    """Rows as a table for the console, with the columns of the first of the longest rows."""
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
    """A plot of pictures a second over the batch size on one thread, with a line for each model."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for name in dict.fromkeys(row["model"] for row in rows):
        points = [(row["batch"], row["pictures_s"]) for row in rows if row["model"] == name and row["threads"] == 1]
        axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.set(xscale="log", xticks=BATCHES, xlabel="pictures in a batch", ylabel="pictures a second, one thread", ylim=(0, None))
    axes.set_xticks(BATCHES, map(str, BATCHES))
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    figure.legend(loc="outside upper center", ncols=3)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.models", description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--seed-graph", type=Path, required=True, help="the seed CNN exported in the same way")
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT)
    flags = parser.parse_args()
    try:
        test = load_canvases(flags.data_root)
        made, measured = facts(flags.weights, flags.seed_graph, test), measure(flags.weights, flags.seed_graph, test)
        graphs = {name: path for name, path in files(flags.weights, flags.seed_graph).items() if path.suffix == ".onnx" and name != SEED}
        on_gpu, missing = gpu.measure(flags.weights, graphs, test)
    except (CardError, WorkerError, OSError, ValueError, PicturesError) as err:
        sys.exit(f"{parser.prog}: {err}")
    OUT.mkdir(parents=True, exist_ok=True)
    console = Console(highlight=False, width=120)
    for name, rows, title in (("models", made, "What they are"), ("speed", measured, "On the CPU"), ("gpu", on_gpu, "On a GPU")):
        if rows:
            write_csv(OUT / f"{name}.csv", rows)
            console.print(table(rows, title))
    print(*missing, sep="\n")
    plot(OUT / "speed.png", measured)
    print(f"{OUT} holds these tables as CSV, and speed.png")


if __name__ == "__main__":
    main()
