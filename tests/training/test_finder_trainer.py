"""A net that finds numbers is shown pieces of pages, learns where numbers are from them, and gets a card."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from digitkit.artifacts.card import check_card
from digitkit.backends import finder_net
from digitkit.backends.finder_net import FinderNet, even
from digitkit.pictures.text_map import CELL_PX, CHANNELS, SCORE
from digitkit.readers.digits.digit import LABELS
from training.data import mnist
from training.data.mnist import Split
from training.drawn import drawn_release, parts
from training.drawn.drawn_trainer import DrawnRecipe
from training.pages import page_pool
from training.pages.finder_trainer import judged, losses
from training.pages.page_composing import PIECE_PX
from training.pages.page_pool import CELLS, UNKNOWN, Pieces, draw_pieces
from training.pages.train_finder import FINDER

CPU = torch.device("cpu")
FEW = 8
TINY = DrawnRecipe(scenes=FEW, epochs=1, batch_size=4, warm_up=2)


class AtOnce:
    """In the place of a pool of processes, which would not see what a test has replaced."""

    def __init__(self, _: int | None) -> None: ...

    def __enter__(self) -> "AtOnce":
        return self

    def __exit__(self, *_: object) -> None: ...

    map = staticmethod(map)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, ten_digits: NDArray[np.uint8]) -> Iterator[None]:
    """Parts of a few pieces, of ten digits, that this process draws itself, and learns from on one thread."""
    split = Split(np.repeat(ten_digits, 10, axis=0), np.repeat(np.array(LABELS), 10))
    monkeypatch.setattr(page_pool, "PART", FEW)
    monkeypatch.setattr(mnist, "load_train", lambda root: (split, split))
    monkeypatch.setattr(parts, "ProcessPoolExecutor", AtOnce)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def pieces_of(*quads: list[list[float]]) -> Pieces:
    """Blank pieces, each with one number."""
    pieces = Pieces.__new__(Pieces)
    pieces.pictures = torch.zeros(len(quads), PIECE_PX, PIECE_PX, dtype=torch.uint8)
    pieces.quads = [np.array([quad], dtype=np.float32) for quad in quads]
    pieces.faint = [np.zeros(1, dtype=np.bool_)] * len(quads)
    return pieces


@pytest.mark.usefixtures("few")
def test_a_pass_shows_every_piece_once_and_the_same_seed_shows_the_same(tmp_path: Path) -> None:
    pieces = draw_pieces(tmp_path, 1, 0, data_root=tmp_path)
    first, again = (list(pieces.batches(3, seed=1)) for _ in range(2))
    assert [len(pictures) for pictures, _ in first] == [3, 3, 2]
    assert len(first) == pieces.steps(3)
    for (pictures, maps), (same, same_maps) in zip(first, again, strict=True):
        assert pictures.shape[1:] == (PIECE_PX, PIECE_PX) and maps.shape[1:] == (CHANNELS, CELLS, CELLS)
        assert torch.equal(pictures, same) and torch.equal(maps, same_maps)


def test_a_net_that_knows_the_truth_is_judged_perfect() -> None:
    pieces = pieces_of([[40, 100], [120, 100], [120, 120], [40, 120]], [[200, 60], [120, 60], [120, 30], [200, 30]])
    _, truth = pieces.take(torch.arange(2))

    def knowing(pictures: torch.Tensor) -> torch.Tensor:
        return torch.where(torch.arange(CHANNELS)[:, None, None] == SCORE, torch.where(truth == 1, 1.0, -1.0), truth)

    assert judged(knowing, pieces, CPU) == {"overlap": 1.0, "height": 0.0, "ends": 0.0, "turn": 0.0}  # type: ignore[arg-type]


def test_cells_that_are_not_judged_count_for_nothing() -> None:
    pieces = pieces_of([[40, 100], [120, 100], [120, 120], [40, 120]])
    pictures, truth = pieces.take(torch.arange(1))
    is_unknown = truth[:, SCORE] == UNKNOWN
    assert is_unknown.any()
    found = torch.zeros_like(truth).requires_grad_()
    told = losses(lambda _: found, (pictures, truth), CPU, bfloat16=False)  # type: ignore[arg-type]
    torch.stack([*told.values()]).sum().backward()
    assert found.grad is not None
    assert (found.grad[:, SCORE][is_unknown] == 0).all()
    assert (found.grad[:, SCORE][truth[:, SCORE] == 1] < 0).all()
    assert (found.grad[:, SCORE + 1 :].abs().sum(dim=1)[truth[:, SCORE] != 1] == 0).all()


def test_light_that_falls_across_a_page_is_evened() -> None:
    page = (torch.linspace(40, 200, 256).expand(256, 256)).to(torch.uint8)
    written = page.clone()
    written[120:124, 40:44] = page[120:124, 40:44] // 2
    written[120:124, 200:204] = page[120:124, 200:204] // 2
    evened = even(written[None])[0, 1]
    assert evened.shape == (256, 256)
    dark, bright = float(evened[121, 42]), float(evened[121, 202])
    assert max(dark, bright) < -4  # standard deviations of what is around them
    assert float(evened[60:90, 60:190].abs().mean()) < 2


@pytest.mark.usefixtures("few")
def test_a_finder_learns_and_gets_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist, "ensure_mnist", lambda root: None)
    monkeypatch.setattr(mnist, "data_hash", lambda root: "d" * 64)
    monkeypatch.setattr(drawn_release, "used", dict)
    place = drawn_release.Workplace(tmp_path / "run", tmp_path / "out" / FINDER.weights, tmp_path, "cpu", "1.3")
    place.weights.parent.mkdir()
    FINDER.train(TINY, place)
    card = check_card(place.weights)
    assert (card.version, card.task) == ("1.3", "finder")
    assert set(card.accuracy) == {"overlap", "height", "ends", "turn", "training_s"}
    assert card.bytes < 1_500_000
    maps = finder_net.load(place.weights, device="cpu")(np.zeros((1, 64, 96), dtype=np.uint8))
    assert maps.shape == (1, CHANNELS, 64 // CELL_PX, 96 // CELL_PX)


def test_the_net_is_small() -> None:
    assert sum(parameter.numel() for parameter in FinderNet().parameters()) < 500_000
