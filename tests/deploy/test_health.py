"""The image's health check asks every model as a client does."""

import json
from pathlib import Path

import pytest
from conftest import ROOT
from loaded import TOKEN, serve

from deploy.health import check, main
from testbed.pictures import LabelledPicture

SEVEN = (ROOT / "deploy/monitoring/seven.png").read_bytes()


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "key_file.json"
    path.write_text(json.dumps({"inference": {"key": TOKEN}}))
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "digits_onnx.mar").touch()
    return tmp_path


def test_a_server_whose_models_answer_is_healthy(store: Path, keys: Path) -> None:
    with serve([LabelledPicture(SEVEN, 7)]) as url:
        assert check(url, store, keys, SEVEN) == ""


def test_a_model_that_refuses_or_does_not_answer_is_not(store: Path, keys: Path, tmp_path: Path) -> None:
    keys.write_text(json.dumps({"inference": {"key": "another"}}))
    with serve([LabelledPicture(SEVEN, 7)]) as url:
        assert check(url, store, keys, SEVEN) == "digits_onnx does not answer: HTTP Error 400: Bad Request"
    assert check(url, store, keys, SEVEN).startswith("digits_onnx does not answer: <urlopen error [Errno 111]")
    assert "there is no token in" in check(url, store, tmp_path / "none.json", SEVEN)


def test_the_command_ends_with_1_and_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("deploy.health.HERE", ROOT / "deploy/monitoring")  # where the picture is in a checkout
    monkeypatch.setattr("sys.argv", ["health.py", "--keys", str(tmp_path / "none.json")])
    with pytest.raises(SystemExit, match="there is no token"):
        main()
