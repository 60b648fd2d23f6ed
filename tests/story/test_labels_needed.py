"""Labels in the order of the review against labels at random: what is chosen, what is learned, and what the table says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import FakeRun
from eyes import never, trusting
from nets import drawn, written
from torch import Tensor, nn

from digitkit.pictures.codec import encode_png
from digitkit.settings import Limits
from story import labels_needed
from story.labels_needed import Arriving, accuracies, as_reviewed, at_random, foreign_hands, real_pictures, seen, show
from training.data import mnist
from training.data.shown import CanvasReader


class Unsure(nn.Module):
    """A net that is sure of the digit 1 but for the pictures whose first pixel is 200, of which each is another digit."""

    def forward(self, canvases: Tensor) -> Tensor:
        rows = torch.full((len(canvases), 10), -4.0)
        rows[:, 1] = 8.0
        odd = torch.nonzero(canvases[:, 0, 0] == 200)[:, 0]
        rows[odd] = 0.0
        rows[odd, torch.arange(len(odd)) % 10] = 0.5
        return rows


@pytest.fixture
def reader(fake_run: FakeRun, limits: Limits) -> CanvasReader:
    return CanvasReader(fake_run, never, limits)


@pytest.fixture
def source(mnist_test: mnist.Split) -> Arriving:
    pool = mnist_test.take(slice(120))
    pictures = pool.pictures.copy()
    pictures[[7, 50, 90]] = 0
    pictures[[7, 50, 90], 0, 0] = 200
    return Arriving("a source", mnist.Split(pictures, pool.labels), mnist_test.take(slice(200, 260)))


def test_at_random_no_picture_comes_twice_and_a_seed_has_its_own_order(source: Arriving) -> None:
    orders = []
    for seed in (0, 0, 1):
        choose, labelled = at_random(source, seed), np.empty(0, dtype=np.int64)
        for count in (40, 80):
            labelled = np.concatenate([labelled, choose(Unsure(), labelled, count)])  # type: ignore[arg-type]
        assert sorted(labelled.tolist()) == list(range(120))
        orders.append(labelled.tolist())
    assert orders[0] == orders[1] != orders[2]


def test_the_order_of_the_review_brings_what_the_net_is_unsure_of_and_nothing_that_is_labelled(source: Arriving) -> None:
    choose = as_reviewed(source)
    first = choose(Unsure(), np.empty(0, dtype=np.int64), 3)  # type: ignore[arg-type]
    assert set(first.tolist()) == {7, 50, 90}
    more = choose(Unsure(), first, 20)  # type: ignore[arg-type]
    assert len(set(more.tolist())) == 20 and not set(more.tolist()) & {7, 50, 90}


def test_a_refused_picture_costs_the_others_nothing(reader: CanvasReader, ten_pngs: list[bytes]) -> None:
    blank = encode_png(np.full((28, 28), 9, dtype=np.uint8))
    split = seen(reader, [blank, *ten_pngs, b"broken"], np.arange(12))
    assert split.labels.tolist() == list(range(1, 11))


def test_a_tenth_of_what_arrives_is_by_foreign_hands_which_alone_measure(
    limits: Limits, mnist_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = CanvasReader(lambda canvases: np.zeros((len(canvases), 10), dtype=np.float32), trusting, limits)
    monkeypatch.setattr(labels_needed, "ARRIVED", 200)
    monkeypatch.setattr(labels_needed, "MEASURED", 30)
    source = foreign_hands(reader, mnist_root)
    assert len(source.measured) == 30 and 195 <= len(source.pool) <= 200
    usual = {picture.tobytes() for picture in mnist.load_train(mnist_root)[0].pictures}
    assert sum(picture.tobytes() in usual for picture in source.pool.pictures) == 180
    assert not any(picture.tobytes() in usual for picture in source.measured.pictures)


def test_without_real_pictures_only_mnists_digits_arrive(reader: CanvasReader, tmp_path: Path) -> None:
    assert list(real_pictures(reader, tmp_path)) == []


def test_each_step_trains_anew_on_all_that_is_labelled(
    source: Arriving, mnist_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, given = written(drawn("lean-4-8-8"), tmp_path / "digits.pt"), list[int]()

    def learned(recipe: Any, labelled: mnist.Split, old: mnist.Split) -> Any:
        given.append(len(labelled))
        return labels_needed.net.read(weights)

    monkeypatch.setattr(labels_needed, "learned", learned)
    found = accuracies(source, weights, (10, 20, 40), at_random(source, 0), 0, mnist_root)
    assert given == [10, 20, 40] and len(found) == 3 and all(0 <= share <= 1 for share in found)


@pytest.mark.parametrize(
    ("ordered", "holds"), [([[0.9, 0.95, 0.99]], True), ([[0.85, 0.95, 0.99]], False)], ids=["as good with half", "not as good"]
)
def test_half_of_the_labels_must_be_as_good_at_every_step_that_has_its_double(
    ordered: Sequence[Sequence[float]], holds: bool, source: Arriving, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.array([[0.7, 0.88, 0.93]])
    assert show(source, 0.5, random, np.array(ordered), (50, 100, 200)) is holds
    told = capsys.readouterr().out
    assert "50.00% of 60 read right before" in told and "88.00%" in told
