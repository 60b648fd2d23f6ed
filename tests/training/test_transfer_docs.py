"""docs/transfer.md says what is true: its commands and their flags are there, and its shares are those of the code."""

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest

from training.recipe import Recipe

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs" / "transfer.md").read_text()
COMMANDS = [line for block in re.findall(r"^```sh\n(.*?)^```", DOCS, re.M | re.S) for line in block.splitlines()]
RECIPE_FLAGS = {f"--{field.name.replace('_', '-')}" for field in fields(Recipe)}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_every_flag_of_it_is_there(command: str) -> None:
    words = shlex.split(command, comments=True)
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.M)
        module = "training.finetune" if words[1] == "finetune" else "training.train"
        flags = [flag for word in words if word.startswith("FLAGS=") for flag in shlex.split(word.removeprefix("FLAGS="))]
    else:
        assert words[:2] == [".venv/bin/python", "-m"]
        module, flags = words[2], words[3:]
    source = (ROOT / f"{module.replace('.', '/')}.py").read_text()
    own = set(re.findall(r'add_argument\("(--[a-z-]+)"', source))
    recipe = RECIPE_FLAGS if "add_flags(parser)" in source else set()
    assert {flag for flag in flags if flag.startswith("--")} <= own | recipe


def test_every_lever_of_transfer_and_distillation_is_explained() -> None:
    first = [field.name for field in fields(Recipe)].index("teachers")
    levers = {f"--{field.name.replace('_', '-')}" for field in fields(Recipe)[first:]}
    assert levers <= set(re.findall(r"--[a-z-]+", DOCS))
