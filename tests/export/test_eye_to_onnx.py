"""The eye's graph: it sees as its weights do, or is not published; and both targets read pages alike with it."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from eyes import random_eye
from numpy.typing import NDArray

from digitkit.artifacts.card import CardError, check_card
from digitkit.backends import eye_net, eye_ort
from digitkit.pictures.eye import CHUNK, Eye
from digitkit.pictures.look import LOOK_PX
from digitkit.readers.digits import net
from digitkit.readers.digits.digit import Prediction
from digitkit.readers.digits.recognise import prepare, recognise
from export import eye_to_onnx as module
from export.errors import ExportError
from export.eye_to_onnx import GREYS, SHARES, check_alike, eye_to_onnx
from training.data.mnist import Split
from training.evaluate.served import EYE

pytestmark = pytest.mark.slow  # each export takes a dozen seconds

RELEASED = EYE.with_name("digits.pt")
PARITY = 1e-4  # most that a probability may differ between the targets, as in tests/api/test_server.py


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory, mnist_root: Path) -> Path:
    """The graph of the released eye."""
    path = tmp_path_factory.mktemp("eye") / "eye.onnx"
    eye_to_onnx(EYE, path, data_root=mnist_root)
    return path


@pytest.fixture(scope="module")
def eyes(graph: Path) -> dict[str, Eye]:
    """The released eye on both targets."""
    return {"pytorch": eye_net.load(EYE, device="cpu"), "onnx": eye_ort.load(graph, device="cpu")}


def test_the_graph_carries_the_card_of_its_weights(graph: Path) -> None:
    ours, released = check_card(graph), check_card(EYE)
    assert (ours.version, ours.recipe, ours.accuracy, ours.data_sha256) == (
        released.version, released.recipe, released.accuracy, released.data_sha256,
    )  # fmt: skip
    assert {"onnx", "onnxscript"} <= ours.packages.keys()


@pytest.mark.parametrize("count", [1, 2, CHUNK])
def test_any_number_of_looks_is_seen_alike(count: int, eyes: dict[str, Eye]) -> None:
    looks = np.random.default_rng(count).integers(0, 256, (count, LOOK_PX, LOOK_PX), dtype=np.uint8)
    (ink, kinds), (expected_ink, expected_kinds) = (eyes[target](looks) for target in ("onnx", "pytorch"))
    assert (ink.dtype.name, ink.shape, kinds.dtype.name, kinds.shape) == ("uint8", looks.shape, "float32", (count, 3))
    assert np.abs(ink.astype(int) - expected_ink).max() <= GREYS
    np.testing.assert_allclose(kinds, expected_kinds, atol=SHARES)
    np.testing.assert_allclose(kinds.sum(axis=1), 1, atol=1e-5)


def changed(eye: Eye, *, greys: int = 0, share: float = 0.0) -> Eye:
    """An eye that sees a little more ink, or is a little surer."""

    def other(looks: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        ink, kinds = eye(looks)
        return np.minimum(ink, 255 - greys) + np.uint8(greys), kinds + np.float32(share)

    return other


@pytest.mark.parametrize(
    ("how", "passes"),
    [({}, True), ({"greys": GREYS - 1}, True), ({"greys": GREYS + 2}, False), ({"share": 2 * SHARES}, False), ({"share": np.nan}, False)],
    ids=str,
)
def test_a_difference_beyond_the_gate_is_refused(
    how: dict[str, Any], passes: bool, eyes: dict[str, Eye], mnist_test: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMPARED", 16)
    refusal = pytest.raises(ExportError, match="the eye's graph differs from its weights by")
    with nullcontext() if passes else refusal:
        check_alike(changed(eyes["pytorch"], **how), eyes["pytorch"], mnist_test)


def test_the_graph_of_other_weights_is_not_published(
    graph: Path, tmp_path: Path, mnist_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = graph.read_bytes()
    monkeypatch.setattr(eye_ort, "load", lambda *_, **__: eye_net.load(random_eye(tmp_path / "other.pt"), device="cpu"))
    with pytest.raises(ExportError, match="the eye's graph differs"):
        eye_to_onnx(EYE, graph, data_root=mnist_root)
    assert graph.read_bytes() == before


def test_weights_that_do_not_match_their_card_are_not_exported(tmp_path: Path, mnist_root: Path) -> None:
    altered = random_eye(tmp_path / "eye.pt")
    altered.write_bytes(altered.read_bytes() + b"more")
    with pytest.raises(CardError):
        eye_to_onnx(altered, tmp_path / "eye.onnx", data_root=mnist_root)
    assert not (tmp_path / "eye.onnx").exists()


def test_weights_of_a_digit_net_are_no_eye() -> None:
    with pytest.raises(ValueError, match="holds no EyeNet that can be loaded"):
        eye_net.load(RELEASED, device="cpu")


def photos(test: Split) -> list[NDArray[np.uint8]]:
    """Light and dark pages of several sizes with a digit in uneven light, now and then a blot beside it."""
    draw, pages = np.random.default_rng(0), []
    for i, digit in enumerate(test.pictures[:40]):
        height, width = draw.integers(90, 400, 2)
        side = int(min(height, width) * draw.uniform(0.3, 0.8))
        top, left = (int(draw.integers(0, free + 1)) for free in (height - side, width - side))
        page = 200 + 40 * np.linspace(-1, 1, width) * np.ones((height, 1))
        page[top : top + side, left : left + side] -= 0.6 * cv2.resize(digit, (side, side), interpolation=cv2.INTER_CUBIC)
        page += draw.normal(0, 4, page.shape)
        if i % 4 == 0:
            page[:10, : width // 2] = 30
        grey = page.clip(0, 255).astype(np.uint8)
        pages.append(~grey if i % 3 == 0 else grey)
    return pages


def test_both_targets_read_pages_alike(eyes: dict[str, Eye], mnist_test: Split) -> None:
    run, given = net.load(RELEASED, device="cpu").run, [prepare(page) for page in photos(mnist_test)]
    ours, others = (recognise(given, run, eyes[target], 0.6) for target in ("pytorch", "onnx"))
    for one, other in zip(ours, others, strict=True):
        assert isinstance(one, Prediction) and isinstance(other, Prediction)
        assert (one.digit, one.accepted, one.reason) == (other.digit, other.accepted, other.reason)
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=PARITY)
    read = [answer.digit for answer in ours if isinstance(answer, Prediction)]
    assert np.mean(read == mnist_test.labels[: len(read)]) > 0.9
