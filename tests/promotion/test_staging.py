"""A challenger's archives: made by the commands of the export, in a folder of the promotion's own."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from two_versions import NEW, archive_of

from deploy.model_list import read_models
from promotion.errors import NotPromoted
from promotion.promotion_places import Places
from promotion.staging import stage


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that are run, of which each does nothing."""
    commands: list[list[str]] = []

    def run_command(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run_command)
    return commands


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    made = archive_of(tmp_path, NEW).rename(tmp_path / "digits.pt")
    (tmp_path / "digits.mar.json").rename(tmp_path / "digits.pt.json")
    return made


@pytest.mark.parametrize(
    ("name", "modules"),
    [
        ("digits", ["export.to_mar"]),
        ("digits_onnx_int8", ["export.to_onnx", "export.to_mar"]),
        ("digits_bfloat16", ["export.to_torch", "export.to_mar"]),
    ],
)
def test_each_model_is_made_by_the_commands_of_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: list[list[str]], weights: Path, name: str, modules: list[str]
) -> None:
    places = Places(tmp_path / "state", tmp_path / "store")
    model = read_models()[name]
    staged = stage(weights, [model], places, tmp_path)
    assert staged == {name: places.staged / f"{name}.mar"}
    assert [command[2] for command in called] == modules
    made = called[-1][called[-1].index("--weights") + 1]
    assert made == str(places.staged / model.artifact if model.artifact else weights)
    for command in called:
        flags = [flag for flag in command if flag.startswith("--")]
        source = (ROOT / f"{command[2].replace('.', '/')}.py").read_text()
        assert [flag for flag in flags if f'"{flag}"' not in source] == []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1))
    with pytest.raises(NotPromoted, match=f"the archive of {name} could not be made"):
        stage(weights, [model], places, tmp_path)


def test_a_store_packed_for_clients_alone_gets_a_challenger_that_is(tmp_path: Path, called: list[list[str]], weights: Path) -> None:
    places = Places(tmp_path / "state", tmp_path / "store")
    places.store.mkdir()
    for is_alone in (False, True):
        if is_alone:
            (places.store / ".latency-on").touch()
        stage(weights, [read_models()["digits_onnx"]], places, tmp_path)
        assert ("--latency" in called[-1]) is is_alone
    assert called[-1][called[-1].index("--latency") + 1] == "on"
    assert "$(STORE)/.latency-$(or $(LATENCY),off)" in (ROOT / "Makefile").read_text(), "make leaves this file"
