"""docs/training.md says what is true: its commands parse, every flag is in it, and the one for two processes is run."""

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from training.data import extra
from training.recipe import RECIPES, Recipe, from_flags
from training.train import make_parser

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs" / "training.md").read_text()
COMMANDS = [line for block in re.findall(r"^```sh\n(.*?)^```", DOCS, re.M | re.S) for line in block.splitlines()]
QUICK_TRY = ["--pictures", "512", "--epochs", "1", "--synthetic", "0", "--device", "cpu"]


def starting_with(*words: str) -> list[str]:
    found = [command for command in COMMANDS if command.startswith(words)]
    assert found
    return found


def test_every_command_is_of_a_kind_that_is_tested_here() -> None:
    assert set(COMMANDS) == set(starting_with("make ", ".venv/bin/python -m training.train", ".venv/bin/torchrun"))


@pytest.mark.parametrize("command", starting_with("make "))
def test_every_make_command_is_one_that_make_knows_and_its_flags_are_the_recipes(command: str) -> None:
    words = shlex.split(command)
    dry = subprocess.run([words[0], "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert dry.returncode == 0, dry.stderr
    for word in words:
        if word.startswith("FLAGS="):
            from_flags("quick", vars(make_parser().parse_args(shlex.split(word.removeprefix("FLAGS=")))))


@pytest.mark.parametrize("command", starting_with(".venv/bin/python", ".venv/bin/torchrun"))
def test_every_training_command_names_a_recipe_and_flags_that_there_are(command: str) -> None:
    flags = vars(make_parser().parse_args(shlex.split(command.partition(" training.train")[2])))
    from_flags(flags["recipe"], flags)


def test_every_recipe_and_every_field_of_it_is_explained() -> None:
    named = set(re.findall(r"`(--[a-z-]+)`", DOCS))
    assert {f"--{field.name.replace('_', '-')}" for field in fields(Recipe)} <= named
    assert all(f"`{name}`" in DOCS for name in RECIPES)


def test_every_set_and_its_files_are_in_the_table() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (`.*?`) \|", DOCS, re.M))
    assert {name: tuple(re.findall(r"`(.*?)`", files)) for name, files in rows.items()} == {
        name: source.files for name, source in extra.SETS.items()
    }


@pytest.mark.slow
def test_the_command_for_two_processes_trains(tmp_path: Path, mnist_root: Path) -> None:
    (command,) = starting_with(".venv/bin/torchrun --standalone")
    torchrun = command.replace(".venv/bin/torchrun", f"{sys.executable} -m torch.distributed.run").replace(
        " -m training", " -m -- training"
    )
    words = [*shlex.split(torchrun), *QUICK_TRY, "--run", str(tmp_path), "--data-root", str(mnist_root)]
    done = subprocess.run(
        words, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "2 processes: 512 pictures" in done.stdout
    assert "of the steps' time for data" in done.stdout
    assert json.loads((tmp_path / "digits.pt.json").read_text())["recipe"]["pictures"] == 512
    assert not (tmp_path / "checkpoint.pt").exists()
