"""Exports: checked before they are published, and what was published stays when they fail."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest

from digitkit.card import card_path, check_card
from export import place, to_mar, to_onnx
from training import data

pytestmark = pytest.mark.server  # they need the small training that the server's tests need

MEMBERS = {
    "MAR-INF/MANIFEST.json",
    "digit_handler.py",
    "sitecustomize.py",
    "model-config.yaml",
    *(f"digitkit/{path.name}" for path in Path(to_mar.HANDLERS, "digitkit").glob("*.py")),
}


@pytest.mark.parametrize(("name", "model"), [("digits", "digits.pt"), ("digits_onnx", "digits.onnx")])
def test_an_archive_holds_exactly_the_handler_the_package_the_model_and_its_card(name: str, model: str, store: Path) -> None:
    with zipfile.ZipFile(store / f"{name}.mar") as archive:
        members = {member for member in archive.namelist() if not member.endswith("/")}
    assert members == MEMBERS | {model, f"{model}.json"}


def test_every_artifact_matches_its_card_and_carries_the_recipe(weights: Path, store: Path) -> None:
    trained = check_card(weights)
    for name in ("digits.mar", "digits.onnx", "digits_onnx.mar"):
        card = check_card(store / name)
        assert (card.recipe, card.data_sha256, card.accuracy) == (trained.recipe, trained.data_sha256, trained.accuracy)
        assert card.bytes == (store / name).stat().st_size


def test_the_graph_takes_any_number_of_raw_canvases_and_tells_what_it_is(store: Path) -> None:
    graph = onnx.load(store / "digits.onnx")
    onnx.checker.check_model(graph, full_check=True)
    (entry,) = graph.graph.input
    sides = entry.type.tensor_type.shape.dim
    assert entry.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert sides[0].dim_param
    assert [side.dim_value for side in sides[1:]] == [28, 28]
    told = {prop.key: prop.value for prop in graph.metadata_props}
    assert told["labels"] == "0,1,2,3,4,5,6,7,8,9"
    assert json.loads(told["card"])["recipe"]["architecture"] == "lean"


def test_a_graph_that_disagrees_is_not_published_and_leaves_the_earlier_one(
    weights: Path, store: Path, tmp_path: Path, mnist_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(store, tmp_path / "store")
    before = (tmp_path / "store" / "digits.onnx").read_bytes()
    monkeypatch.setattr(to_onnx, "LOGIT_TOLERANCE", 0.0)
    with pytest.raises(place.ExportError, match="the graph differs from PyTorch in 0 answers"):
        to_onnx.to_onnx(weights, tmp_path / "store" / "digits.onnx", data_root=mnist_root)
    assert (tmp_path / "store" / "digits.onnx").read_bytes() == before


def test_agreement_counts_answers_and_the_largest_gap(mnist_test: data.Split) -> None:
    def right(canvases: np.ndarray) -> np.ndarray:
        return np.eye(10, dtype=np.float32)[canvases[:, 14, 14] % 10]

    to_onnx._check_agreement(right, right, mnist_test)
    with pytest.raises(place.ExportError, match="in 10000 answers"):
        to_onnx._check_agreement(lambda canvases: -right(canvases), right, mnist_test)


def test_an_archive_that_does_not_answer_is_not_published(store: Path, tmp_path: Path, mnist_root: Path) -> None:
    shutil.copytree(store, tmp_path / "store")
    before = (tmp_path / "store" / "digits.mar").read_bytes()
    with zipfile.ZipFile(tmp_path / "broken.mar", "w") as archive:
        archive.writestr("digit_handler.py", "raise RuntimeError('this handler is broken')")
    with pytest.raises(place.ExportError, match="does not answer outside the checkout"):
        to_mar._check_answers(tmp_path / "broken.mar", mnist_root)
    assert (tmp_path / "store" / "digits.mar").read_bytes() == before


@pytest.mark.parametrize(("damage", "message"), [("card", "has no card"), ("bytes", "sha256 differs"), ("all", "does not exist")])
def test_weights_that_do_not_match_their_card_are_not_exported(damage: str, message: str, weights: Path, tmp_path: Path) -> None:
    copy = tmp_path / "digits.pt"
    shutil.copy(weights, copy)
    shutil.copy(card_path(weights), card_path(copy))
    if damage == "card":
        card_path(copy).unlink()
    elif damage == "bytes":
        copy.write_bytes(copy.read_bytes() + b"more")
    else:
        copy.unlink()
    command = [sys.executable, "-m", "export.to_onnx", "--weights", str(copy), "--graph", str(tmp_path / "digits.onnx")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("export.to_onnx: ")
    assert message in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "digits.onnx").exists()
