"""A net that reads lines is shown strips as the server makes them, learns text and place from them, and gets a card."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from digitkit.artifacts.card import check_card
from digitkit.backends import line_net
from digitkit.backends.line_net import LineNet
from digitkit.pictures.line import ALPHABET, BLANK, FRAME_PX, STRIP_PX
from digitkit.readers.digits.digit import LABELS
from training.data import mnist
from training.data.mnist import Split
from training.drawn import drawn_release, parts
from training.drawn.drawn_trainer import STEEPEST, Batch, DrawnRecipe, DrawnTrainer
from training.lines import line_pool
from training.lines.line_calibrate import TEMPERATURES, fitted
from training.lines.line_composing import DrawnLine
from training.lines.line_pool import PLACES, Lines, draw_lines, seen, truth_of
from training.lines.line_trainer import collapsed, judged, line_trainer, losses, places
from training.lines.train_numbers import NUMBERS

CPU = torch.device("cpu")
TINY = DrawnRecipe(scenes=48, epochs=1, batch_size=8, warm_up=2)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, ten_digits: NDArray[np.uint8]) -> Iterator[None]:
    """Parts of a few lines, of ten digits, that this process draws itself, and learns from on one thread."""
    split = Split(np.repeat(ten_digits, 10, axis=0), np.repeat(np.array(LABELS), 10))
    monkeypatch.setattr(parts, "PART", 48)
    monkeypatch.setattr(mnist, "load_train", lambda root: (split, split))
    monkeypatch.setattr(parts, "ProcessPoolExecutor", AtOnce)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class AtOnce:
    """In the place of a pool of processes, which would not see what a test has replaced."""

    def __init__(self, _: int | None) -> None: ...

    def __enter__(self) -> "AtOnce":
        return self

    def __exit__(self, *_: object) -> None: ...

    map = staticmethod(map)


def line(height: int, top: int, low: int, *, lean: float = 0.0) -> DrawnLine:
    """A picture 300 px wide that says 12, with a bar from `top` to `low` in the place of text, leaning by `lean` px over its width."""
    picture = np.full((height, 300), 255, dtype=np.uint8)
    for x in range(60, 240):
        rise = lean * (x - 60) / 180
        picture[int(top + rise) : int(low + rise), x] = 0
    corners = [(60, top), (240, top + lean), (240, low + lean), (60, low)]
    return DrawnLine(picture, "12", np.array(corners, dtype=np.float32))


def inked(strip: NDArray[np.uint8]) -> tuple[float, float]:
    """The first and the last row with ink in the middle column, as shares of the height."""
    rows = np.flatnonzero(strip[:, strip.shape[1] // 2] < 128)
    return rows[0] / STRIP_PX, (rows[-1] + 1) / STRIP_PX


def test_a_line_that_fills_its_picture_is_shown_whole_and_its_place_is_that_of_its_ink() -> None:
    drawn = line(64, 8, 56)
    view = seen(drawn, np.random.default_rng(0))
    assert view is not None
    truth = truth_of(drawn, view)
    assert truth[0] == 1 and [ALPHABET[int(kind)] for kind in truth[2 + PLACES :]] == ["1", "2"]
    assert truth[2:4] == pytest.approx([30, 120])
    assert truth[4:8] == pytest.approx([0.125, 0.125, 0.875, 0.875])
    assert inked(view.strip) == pytest.approx((0.125, 0.875), abs=0.04)


@pytest.mark.parametrize("lean", [0.0, 30.0])
def test_a_small_or_leaning_line_is_shown_level_and_large_most_times(lean: float) -> None:
    drawn, draw = line(160, 60, 90, lean=lean), np.random.default_rng(0)
    heights, slopes = [], []
    for _ in range(40):
        view = seen(drawn, draw)
        assert view is not None
        truth = truth_of(drawn, view)
        if view.to_picture[1, 1] < 2:  # closer than the whole picture, whose strip takes 5 of its rows for one
            heights.append(truth[6] - truth[4])
            assert truth[5] == pytest.approx(truth[4], abs=0.4)  # as level as a closer look is: roughly
            slopes.append(truth[5] - truth[4])
            top, low = inked(view.strip)
            assert (top, low) == pytest.approx(((truth[4] + truth[5]) / 2, (truth[6] + truth[7]) / 2), abs=0.08)
    assert 20 < len(heights) < 40
    assert np.mean(heights) == pytest.approx(0.8, abs=0.06)
    assert np.mean(slopes) == pytest.approx(0, abs=0.06)


def test_a_line_too_low_or_too_steep_in_its_strip_is_to_be_found_but_not_read() -> None:
    draw = np.random.default_rng(0)
    for drawn in (line(160, 60, 90), line(160, 30, 130, lean=40)):
        whole = [view for _ in range(60) if (view := seen(drawn, draw)) is not None and view.to_picture[1, 1] == 5]
        assert whole and all(truth_of(drawn, view)[0] == 0 for view in whole)


def test_what_nobody_could_see_is_left_out() -> None:
    blank = DrawnLine(np.full((40, 90), 200, dtype=np.uint8), "1", np.zeros((4, 2), dtype=np.float32))
    assert seen(blank, np.random.default_rng(0)) is None


@pytest.mark.usefixtures("few")
def test_a_pass_shows_every_line_once_those_of_a_width_together(tmp_path: Path) -> None:
    lines = draw_lines(tmp_path, 90, 0, data_root=tmp_path)
    assert len(lines) == 96  # whole parts
    batches = list(lines.batches(8, seed=1))
    assert len(batches) == lines.steps(8)
    assert sum(len(strips) for strips, _ in batches) == 96
    for strips, truths in batches:
        assert strips.dtype == torch.uint8 and strips.shape[1] == STRIP_PX and strips.shape[2] % 32 == 0
        assert len(strips) * strips.shape[2] <= max(8 * line_pool.USUAL_PX, 2 * strips.shape[2])
        assert truths.shape[0] == len(strips)
    again = list(lines.batches(8, seed=1))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(batches, again, strict=True))


def test_places_run_straight_from_the_left_end_to_the_right_one_and_count_between_them() -> None:
    truth = torch.tensor([[1, 1, 8.0, 24.0, 0.1, 0.3, 0.5, 0.9, 4]])
    wanted, is_inside = places(truth, 16)
    assert is_inside.tolist() == [[False] * 4 + [True] * 8 + [False] * 4]
    middle = (7 + 0.5) * FRAME_PX
    share = (middle - 8) / 16
    assert wanted[0, 7].tolist() == pytest.approx([0.1 + share * 0.2, 0.5 + share * 0.4])
    assert not places(torch.tensor([[1, 0, 8.0, 24.0, 0.1, 0.3, 0.5, 0.9]]), 16)[1].any()  # nothing is written there


def test_frames_spell_without_repeats_and_blanks() -> None:
    frames = torch.tensor([BLANK, 1, 1, BLANK, 1, 2, 2, BLANK])
    assert collapsed(frames) == [1, 1, 2]


def test_a_text_counts_only_where_it_can_be_read() -> None:
    strips = torch.zeros(2, STRIP_PX, 64, dtype=torch.uint8)
    row = torch.tensor([1, 2, 8.0, 40.0, 0.1, 0.1, 0.9, 0.9, 3, 4])
    unreadable = row.clone()
    unreadable[0], unreadable[8] = 0, 7
    net = LineNet().eval()
    with torch.inference_mode():
        both = losses(net, (strips, torch.stack([row, unreadable])), CPU, bfloat16=False)
        alone = losses(net, (strips[:1], row.unsqueeze(0)), CPU, bfloat16=False)
        logits, _ = net(strips[:1])
    assert float(both["text"]) == pytest.approx(float(alone["text"]), rel=1e-5)
    scores = logits[0].log_softmax(dim=1).double().numpy()
    assert 2 * float(alone["text"]) == pytest.approx(-ctc_log_probability(scores, [3, 4]), rel=1e-4)


def ctc_log_probability(scores: NDArray[np.float64], text: list[int]) -> float:
    """The log probability of a text, by the forward pass of Graves et al., Connectionist temporal classification (2006), equation 6."""
    path = [BLANK] + [sign for kind in text for sign in (kind, BLANK)]
    alpha = np.full(len(path), -np.inf)
    alpha[:2] = scores[0, path[:2]]
    for frame in scores[1:]:
        before = alpha.copy()
        for s, sign in enumerate(path):
            ways = [before[s], *([before[s - 1]] if s else []), *([before[s - 2]] if s > 1 and sign not in (BLANK, path[s - 2]) else [])]
            alpha[s] = np.logaddexp.reduce(ways) + frame[sign]
    return float(np.logaddexp(alpha[-1], alpha[-2]))


def test_a_net_that_knows_the_truth_is_judged_perfect(tmp_path: Path) -> None:
    lines = Lines.__new__(Lines)
    lines.strips = {64: torch.zeros(1, STRIP_PX, 64, dtype=torch.uint8)}
    lines.truths = {64: torch.tensor([[1, 2, 0.0, 64.0, 0.1, 0.1, 0.9, 0.9, 3, 4]])}

    def knowing(strips: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = torch.zeros(len(strips), 16, BLANK + 1)
        logits[:, :, BLANK] = 1
        logits[:, 4, 3] = logits[:, 9, 4] = 2
        return logits, torch.tensor([0.1, 0.9]).expand(len(strips), 16, 2)

    assert judged(knowing, lines, CPU) == {"text": 1.0, "place": pytest.approx(0, abs=1e-6)}  # type: ignore[arg-type]


@pytest.mark.usefixtures("few")
def test_a_reader_of_lines_learns_and_gets_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist, "ensure_mnist", lambda root: None)
    monkeypatch.setattr(mnist, "data_hash", lambda root: "d" * 64)
    monkeypatch.setattr(drawn_release, "used", dict)
    place = drawn_release.Workplace(tmp_path / "run", tmp_path / "out" / NUMBERS.weights, tmp_path, "cpu", "1.3")
    place.weights.parent.mkdir()
    NUMBERS.train(TINY, place)
    card = check_card(place.weights)
    assert (card.version, card.task) == ("1.3", "numbers")
    assert set(card.accuracy) == {"text", "place", "training_s"}
    assert card.bytes < 4_000_000
    logits, extents = line_net.load(place.weights, device="cpu")(np.zeros((2, STRIP_PX, 96), dtype=np.uint8))
    assert logits.shape == (2, 48, BLANK + 1) and extents.shape == (2, 48, 2)


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_the_temperature_is_that_at_which_confidences_come_true(true: float) -> None:
    draw = np.random.default_rng(0)
    logarithms = -draw.exponential(1.0, 20_000)
    right = draw.random(20_000) < np.exp(logarithms / true)
    assert fitted(logarithms, right) == pytest.approx(true, rel=0.06)
    assert fitted(logarithms, np.zeros(20_000, dtype=np.bool_)) == pytest.approx(TEMPERATURES[0], abs=0.01)  # never right, never sure


@pytest.mark.usefixtures("few")
def test_a_few_steps_lower_the_losses(tmp_path: Path) -> None:
    lines = draw_lines(tmp_path, 48, 0, data_root=tmp_path)
    learning = line_trainer(replace(TINY, epochs=6, learning_rate=5e-3), lines, CPU, bfloat16=False)
    batch = next(lines.batches(8, 0))

    def total() -> float:
        with torch.inference_mode():
            return float(sum(losses(learning.net.eval(), batch, CPU, bfloat16=False).values()))

    before = total()
    learning.run(tmp_path)
    assert total() < 0.6 * before


class OneBatch(list[int]):
    """Drawn pictures of which a pass is one batch."""

    def steps(self, size: int) -> int:
        return 1

    def batches(self, size: int, seed: int) -> Iterator[Batch]:
        yield from ()


def summed(net: nn.Module, batch: Batch, device: torch.device, *, bfloat16: bool) -> dict[str, torch.Tensor]:
    return {"text": net(batch[0]).sum()}


@pytest.mark.parametrize(("steep", "norm"), [(1000.0, STEEPEST), (0.1, 0.1)], ids=["a steep one", "a usual one"])
def test_a_gradient_counts_up_to_a_norm(steep: float, norm: float) -> None:
    """Of a sum of two inputs of which one is `steep`, the gradient by their weights is (steep, 0)."""
    trainer = DrawnTrainer(TINY, nn.Linear(2, 1, bias=False), OneBatch(), summed, CPU, bfloat16=False)
    trainer._learn((torch.tensor([[steep, 0.0]]),))
    (weight,) = trainer.net.parameters()
    assert weight.grad is not None
    assert float(weight.grad.norm()) == pytest.approx(norm, rel=1e-3)
