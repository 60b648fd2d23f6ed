"""The archives of a challenger, packed and tried as `make export` does it, in a folder of their own beside the model store."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.model_list import BESIDE, RELEASED, ROOT, SUFFIXES, ListedModel
from digitkit.artifacts.place import place
from promotion.errors import NotPromoted
from promotion.promotion_places import Places

FOR_CLIENTS_ALONE = ".latency-on"  # in a store whose archives `make export LATENCY=on` has packed


def stage(weights: Path, models: Sequence[ListedModel], places: Places, data_root: Path) -> dict[str, Path]:
    """The archive of each model made of `weights`, packed in the folder for them, each tried as `make export` tries it.

    Args:
        places: name that folder, and the store with the graph of the eye that archives of ONNX Runtime hold.
        data_root: holds MNIST/raw, whose test pictures an archive must read.
    Raises:
        NotPromoted: an archive could not be made; what was printed says why.
    """
    staged = places.staged
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    place(weights, places.staged_weights)
    for model in models:
        for command in _commands(weights.absolute(), model, staged, places.store):
            done = subprocess.run([sys.executable, "-m", *command, "--data-root", str(data_root.absolute())], cwd=ROOT, check=False)
            if done.returncode:
                raise NotPromoted(f"the archive of {model.name} could not be made of {weights}; {command[0]} says why above")
    return {model.name: staged / f"{model.name}.mar" for model in models}


def _commands(weights: Path, model: ListedModel, staged: Path, store: Path) -> list[list[str]]:
    """The modules that make a model's artifact, where it has one, and its archive, with their flags."""
    archive, artifact = staged / f"{model.name}.mar", staged / model.artifact
    inside = ROOT / RELEASED if model.target == "pytorch" else store
    beside = inside / f"{BESIDE[model.task]}{SUFFIXES[model.target]}"
    packed = ["--archive", str(archive), "--beside", str(beside), "--config", str(model.config)]
    if (store / FOR_CLIENTS_ALONE).exists():
        packed += ["--latency", "on"]
    if not model.artifact:
        return [["export.to_mar", "--weights", str(weights), *packed]]
    module, made = ("export.to_onnx", "--graph") if model.target == "onnx" else ("export.to_torch", "--target")
    return [
        [module, "--weights", str(weights), made, str(artifact), "--form", model.form],
        ["export.to_mar", "--weights", str(artifact), *packed],
    ]
