"""Exports: checked before they are published, and what was published stays when they fail."""

import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml

from digitkit.artifacts.card import CardError, card_path, check_card, facts, write_card
from digitkit.readers.digits import net, ort
from digitkit.readers.digits.classify import digit_score, softmax
from export import errors, to_mar, to_onnx
from export.forms import ONNX, PYTORCH
from export.gates import Gate
from export.packing import HANDLERS
from export.to_torch import to_torch
from testbed.archives import rewrite
from training.data import mnist
from training.recipe import RECIPES

pytestmark = pytest.mark.server  # they need the small training that the server's tests need

NODE_CACHE = Path("build/node").resolve()  # git ignores it
MEMBERS = {
    "MAR-INF/MANIFEST.json",
    "digit_handler.py",
    "sitecustomize.py",
    "model-config.yaml",
    "LICENSE",
    "NOTICE",
    *(str(path.relative_to(HANDLERS)) for kind in ("*.py", "*.yaml") for path in (HANDLERS / "digitkit").rglob(kind)),
}


@pytest.mark.parametrize(("name", "model"), [("digits", "digits.pt"), ("digits_onnx", "digits.onnx")])
def test_an_archive_holds_exactly_the_code_the_model_the_eye_their_cards_and_the_licence(name: str, model: str, store: Path) -> None:
    with zipfile.ZipFile(store / f"{name}.mar") as archive:
        members = {member for member in archive.namelist() if not member.endswith("/")}
    eye = f"eye{Path(model).suffix}"
    assert members == MEMBERS | {model, f"{model}.json", eye, f"{eye}.json"}


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
    assert json.loads(told["card"])["recipe"]["architecture"] == RECIPES["quick"].architecture


def test_a_graph_that_disagrees_is_not_published_and_leaves_the_earlier_one(
    weights: Path, store: Path, tmp_path: Path, mnist_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(store, tmp_path / "store")
    before = (tmp_path / "store" / "digits.onnx").read_bytes()
    monkeypatch.setitem(ONNX, "float32", replace(ONNX["float32"], gate=Gate(lost_points=0.0, logits=0.0)))
    with pytest.raises(errors.ExportError, match=r"float32 ONNX differs by .* of the largest logit"):
        to_onnx.to_onnx(weights, tmp_path / "store" / "digits.onnx", data_root=mnist_root)
    assert (tmp_path / "store" / "digits.onnx").read_bytes() == before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--form int4", "unknown form 'int4'; there are float32, float16, int8, and bfloat16 for the PyTorch target"),
        ("--form int8 --calibration 99", "99 pictures to calibrate int8 with; at least 500 are needed"),
        ("--form int8 --calibration -5", "0 pictures to calibrate int8 with; at least 500 are needed"),
    ],
)
def test_a_form_that_cannot_be_made_is_refused_with_one_sentence(flags: str, message: str, weights: Path, tmp_path: Path) -> None:
    told = refused(weights, tmp_path / "digits.onnx", *flags.split())
    assert told.startswith(f"export.to_onnx: {message}")
    assert len(told.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def refused(weights: Path, graph: Path, *flags: str) -> str:
    """The sentence that the command fails with: in this process, since a new one imports PyTorch for seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["to_onnx", "--weights", str(weights), "--graph", str(graph), *flags])
        with pytest.raises(SystemExit) as ended:
            to_onnx.main()
    assert isinstance(ended.value.code, str)  # which Python prints, and ends with 1
    return ended.value.code


def test_bfloat16_is_published_with_its_card_and_only_if_it_reads_as_the_weights(
    weights: Path, tmp_path: Path, mnist_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "digits.bfloat16.pt"
    monkeypatch.setitem(PYTORCH, "bfloat16", Gate(lost_points=0.05, logits=0.0))
    with pytest.raises(errors.ExportError, match=r"bfloat16 PyTorch differs by .* of the largest logit"):
        to_torch(weights, target, data_root=mnist_root, form="bfloat16")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    to_torch(weights, target, data_root=mnist_root, form="bfloat16")
    assert (net.read(target).form, check_card(target).recipe) == ("bfloat16", check_card(weights).recipe)
    with pytest.raises(errors.ExportError, match="unknown form 'int8' of the PyTorch target; there are float32, bfloat16"):
        to_torch(weights, tmp_path / "digits.int8.pt", data_root=mnist_root, form="int8")


@pytest.fixture(scope="module")
def final_answers(store: Path, mnist_test: mnist.Split) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and scores of ten test digits, by digitkit."""
    logits = ort.load(store / "digits.onnx").run(mnist_test.pictures[:10])
    return softmax(logits), digit_score(logits)


BARE = """
import sys
import numpy as np, onnxruntime
canvases = np.fromfile(sys.argv[2], dtype=np.uint8).reshape(-1, 28, 28)
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
probabilities, score = session.run(["probabilities", "score"], {"canvases": canvases})
assert not {"digitkit", "torch"} & sys.modules.keys()
import json
print(json.dumps({"probabilities": probabilities.ravel().tolist(), "score": score.tolist()}))
"""

NODE = """
import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web";
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(readFileSync(process.argv[2]));
const canvases = new Uint8Array(readFileSync(process.argv[3]));
const answer = await session.run({ canvases: new ort.Tensor("uint8", canvases, [canvases.length / 784, 28, 28]) });
console.log(JSON.stringify({ probabilities: [...answer.probabilities.data], score: [...answer.score.data] }));
process.exit(0);
"""


def test_plain_onnx_runtime_gives_final_answers_from_raw_pixels(
    store: Path, tmp_path: Path, mnist_test: mnist.Split, final_answers: tuple[np.ndarray, np.ndarray]
) -> None:
    mnist_test.pictures[:10].tofile(tmp_path / "canvases")
    command = [sys.executable, "-I", "-c", BARE, str(store / "digits.onnx"), str(tmp_path / "canvases")]
    told = json.loads(subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout)
    np.testing.assert_allclose(np.reshape(told["probabilities"], (10, 10)), final_answers[0], atol=1e-5)
    np.testing.assert_allclose(told["score"], final_answers[1], atol=1e-5)


def test_onnx_runtime_in_javascript_gives_the_same(
    store: Path, tmp_path: Path, mnist_test: mnist.Split, final_answers: tuple[np.ndarray, np.ndarray]
) -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no node or npm here")
    NODE_CACHE.mkdir(parents=True, exist_ok=True)
    if not (NODE_CACHE / "node_modules" / "onnxruntime-web").exists():
        installed = subprocess.run(["npm", "install", "--silent", "onnxruntime-web"], cwd=NODE_CACHE, check=False, timeout=300)
        if installed.returncode:
            pytest.skip("npm cannot install onnxruntime-web here")
    (NODE_CACHE / "answer.mjs").write_text(NODE)
    mnist_test.pictures[:10].tofile(tmp_path / "canvases")
    command = ["node", "answer.mjs", str(store / "digits.onnx"), str(tmp_path / "canvases")]
    told = json.loads(subprocess.run(command, cwd=NODE_CACHE, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    np.testing.assert_allclose(np.reshape(told["probabilities"], (10, 10)), final_answers[0], atol=1e-5)
    np.testing.assert_allclose(told["score"], final_answers[1], atol=1e-5)


def test_an_archive_that_does_not_answer_is_not_published(store: Path, tmp_path: Path, mnist_root: Path) -> None:
    shutil.copytree(store, tmp_path / "store")
    before = (tmp_path / "store" / "digits.mar").read_bytes()
    with zipfile.ZipFile(tmp_path / "broken.mar", "w") as archive:
        archive.writestr("digit_handler.py", "raise RuntimeError('this handler is broken')")
    with pytest.raises(errors.ExportError, match="does not answer outside the checkout"):
        to_mar.check_answers(tmp_path / "broken.mar", mnist_root)
    assert (tmp_path / "store" / "digits.mar").read_bytes() == before


def test_an_archive_that_never_answers_is_given_up(tmp_path: Path, mnist_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "silent.mar", "w") as archive:
        archive.writestr("digit_handler.py", "import time; time.sleep(60)")
    monkeypatch.setattr("export.packing.PROBE_TIMEOUT_S", 1)
    with pytest.raises(errors.ExportError, match="does not answer within 1 s outside the checkout"):
        to_mar.check_answers(tmp_path / "silent.mar", mnist_root)


def test_an_archive_that_answers_the_frontends_messages_in_another_way_is_not_published(
    store: Path, tmp_path: Path, mnist_root: Path
) -> None:
    ours, other = b"parts += INT.pack(len(answer.body)), answer.body", b"parts += INT.pack(2), b'{}'"

    def change(name: str, content: bytes) -> bytes:
        return content.replace(ours, other) if name == "digitkit/serving/frames.py" else content

    rewrite(store / "digits_onnx.mar", tmp_path / "digits_onnx.mar", change)
    with pytest.raises(errors.ExportError, match=r"by the frontend's messages it answers in another way than by handle\(\)"):
        to_mar.check_answers(tmp_path / "digits_onnx.mar", mnist_root)


def test_an_archive_whose_eye_sees_nothing_is_not_published(store: Path, tmp_path: Path, mnist_root: Path) -> None:
    """As one does whose eye is another net's, or whose reader does not ask it."""
    blind = b"\nload = lambda *_, **__: lambda looks: (np.zeros_like(looks), np.tile(np.float32([0, 1, 0]), (len(looks), 1)))\n"

    def change(name: str, content: bytes) -> bytes:
        return content + blind if name == "digitkit/backends/eye_ort.py" else content

    rewrite(store / "digits_onnx.mar", tmp_path / "digits_onnx.mar", change)
    with pytest.raises(errors.ExportError, match="does not find a digit beside a blot"):
        to_mar.check_answers(tmp_path / "digits_onnx.mar", mnist_root)


def test_for_clients_alone_only_the_size_of_batches_changes(tmp_path: Path) -> None:
    changed = yaml.safe_load(to_mar.for_clients_alone(to_mar.CONFIG, tmp_path).read_text())
    assert changed == yaml.safe_load(to_mar.CONFIG.read_text()) | {"batchSize": 1}


def test_settings_without_a_size_of_batches_are_not_packed_for_clients_alone(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("maxBatchDelay: 1\n")
    with pytest.raises(errors.ExportError, match="has no batchSize"):
        to_mar.for_clients_alone(own, tmp_path)


@pytest.mark.parametrize("damage", ["card", "bytes"])
def test_an_eye_that_does_not_match_its_card_is_not_packed(damage: str, store: Path, tmp_path: Path, mnist_root: Path) -> None:
    eye, archive = tmp_path / "eye.onnx", tmp_path / "digits_onnx.mar"
    shutil.copy(store / "eye.onnx", eye)
    if damage == "bytes":
        shutil.copy(card_path(store / "eye.onnx"), card_path(eye))
        eye.write_bytes(eye.read_bytes() + b"more")
    with pytest.raises(CardError, match=r"eye\.onnx"):
        to_mar.to_mar(store / "digits.onnx", archive, beside=eye, data_root=mnist_root)
    assert not archive.exists()


def test_a_graph_of_another_contract_leaves_the_served_archive_as_it_was(store: Path, tmp_path: Path, mnist_root: Path) -> None:
    graph, archive = tmp_path / "digits.onnx", tmp_path / "store" / "digits_onnx.mar"
    shutil.copytree(store, archive.parent)
    before = archive.read_bytes()
    other = onnx.load(store / "digits.onnx")
    del other.graph.output[0]
    onnx.save(other, graph)
    write_card(graph, **facts(check_card(store / "digits.onnx")))
    with pytest.raises(ValueError, match=r"is no graph of this contract: it takes canvases .* and gives no logits"):
        to_mar.to_mar(graph, archive, beside=store / "eye.onnx", data_root=mnist_root)
    assert archive.read_bytes() == before


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
    told = refused(copy, tmp_path / "digits.onnx")
    assert told.startswith("export.to_onnx: ")
    assert message in told
    assert len(told.splitlines()) == 1
    assert not (tmp_path / "digits.onnx").exists()
