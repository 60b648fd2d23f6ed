"""The finder's graph: it sees as its weights do on pages of any size, or is not published."""

from pathlib import Path

import numpy as np
import pytest
import torch

from digitkit.artifacts.card import CardError, check_card, write_card
from digitkit.backends import blocks, finder_net, finder_ort
from digitkit.backends.finder_net import FinderNet
from export.errors import ExportError
from export.finder_to_onnx import check_alike, finder_to_onnx, sheet
from training.data import mnist


def finder(path: Path, seed: int = 0) -> Path:
    """Random weights with a card."""
    torch.manual_seed(seed)
    blocks.save(FinderNet(), path)
    write_card(
        path, version="1.0", task="finder", recipe={}, data_sha256="d" * 64, commit="c", accuracy={}, temperature=1.0, parameters=1,
        packages={}, reference={},
    )  # fmt: skip
    return path


@pytest.mark.slow
def test_the_graph_sees_pages_of_any_size_as_its_weights_do(tmp_path: Path, mnist_root: Path) -> None:
    weights, graph = finder(tmp_path / "finder.pt"), tmp_path / "finder.onnx"
    finder_to_onnx(weights, graph, data_root=mnist_root)
    assert check_card(graph).task == "finder"
    page = np.random.default_rng(0).integers(0, 256, (1, 160, 352), dtype=np.uint8)
    ours, reference = finder_ort.load(graph, device="cpu")(page), finder_net.load(weights, device="cpu")(page)
    np.testing.assert_allclose(ours, reference, atol=1e-3)


def test_a_graph_that_sees_differently_is_refused(tmp_path: Path, mnist_root: Path) -> None:
    one, other = (finder_net.load(finder(tmp_path / f"{seed}.pt", seed), device="cpu") for seed in (0, 1))
    with pytest.raises(ExportError, match="differs from its weights"):
        check_alike(one, other, mnist.load_test(mnist_root).pictures)


def test_weights_without_a_matching_card_are_no_graph(tmp_path: Path, mnist_root: Path) -> None:
    weights = finder(tmp_path / "finder.pt")
    weights.write_bytes(weights.read_bytes() + b"more")
    with pytest.raises(CardError):
        finder_to_onnx(weights, tmp_path / "finder.onnx", data_root=mnist_root)


def test_a_page_of_digits_is_dark_on_light_and_of_sides_that_the_net_takes() -> None:
    page = sheet(np.full((2, 3, 28, 28), 255, dtype=np.uint8))
    assert page.shape == (64, 96)
    assert page[0, 0] == 0 and page[-1, -1] == 230
