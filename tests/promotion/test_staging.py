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


@pytest.mark.parametrize(
    ("name", "modules"),
    [
        ("digits", ["export.to_mar"]),
        ("digits_onnx_int8", ["export.to_onnx", "export.to_mar"]),
        ("digits_bfloat16", ["export.to_torch", "export.to_mar"]),
    ],
)
def test_each_model_is_made_by_the_commands_of_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, modules: list[str]
) -> None:
    places, called = Places(tmp_path / "state", tmp_path / "store"), list[list[str]]()

    def run_command(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        called.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run_command)
    weights = archive_of(tmp_path, NEW).rename(tmp_path / "digits.pt")
    (tmp_path / "digits.mar.json").rename(tmp_path / "digits.pt.json")
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
