"""An eye learns from scenes, goes on where it was killed, and gets a card that says what it was made of."""

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from digitkit.artifacts.card import CardError, check_card
from digitkit.backends import blocks, eye_net
from digitkit.backends.eye_net import EyeNet
from digitkit.pictures.look import LOOK_PX
from digitkit.readers.digits.digit import LABELS
from training import blend
from training.blend import blended
from training.data import mnist
from training.data.mnist import Split
from training.drawn import drawn_release, parts
from training.drawn.drawn_trainer import CHECKPOINT, DrawnRecipe, DrawnTrainer
from training.eye import eye_trainer as learning_to_see
from training.eye import scene_pool
from training.eye.eye_trainer import eye_trainer, judged, losses
from training.eye.scene_pool import Scenes, draw_scenes
from training.eye.train_eye import EYE
from training.learn.device import choose_autocast, multiplies_in_bfloat16
from training.recipe import Recipe, TrainingError
from training.scenes import sources
from training.scenes.composing import Content

CPU = torch.device("cpu")
TINY = DrawnRecipe(scenes=64, epochs=2, batch_size=32, warm_up=2)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, ten_digits: NDArray[np.uint8]) -> Iterator[None]:
    """Parts of a few scenes, of ten digits, that this process draws itself, and learns from on one thread."""
    split = Split(np.repeat(ten_digits, 10, axis=0), np.repeat(np.array(LABELS), 10))
    monkeypatch.setattr(parts, "PART", 64)
    monkeypatch.setattr(parts, "ProcessPoolExecutor", InThisProcess)
    monkeypatch.setattr(mnist, "load_train", lambda root: (split, split))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class InThisProcess:
    """In the place of a pool of processes, which would not see what a test has replaced."""

    def __init__(self, _: int | None) -> None: ...

    def __enter__(self) -> "InThisProcess":
        return self

    def __exit__(self, *_: object) -> None: ...

    map = staticmethod(map)


def pool(folder: Path, count: int = 64) -> Scenes:
    return draw_scenes(folder / "scenes", count, 0, data_root=folder)


def trainer(scenes: Scenes, recipe: DrawnRecipe = TINY) -> DrawnTrainer[EyeNet]:
    return eye_trainer(recipe, scenes, CPU, bfloat16=False)


def weights(net: EyeNet) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_scenes_are_drawn_once_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = pool(tmp_path, 65)
    assert len(first) == 128  # whole parts
    assert first.looks.shape == first.inks.shape == (128, LOOK_PX, LOOK_PX)
    assert not torch.equal(first.looks[:64], first.looks[64:])
    monkeypatch.setattr(scene_pool, "Composer", None)
    again = pool(tmp_path, 65)
    assert all(torch.equal(a, b) for a, b in zip(first.take(torch.arange(128)), again.take(torch.arange(128)), strict=True))


def test_validation_has_scenes_of_its_own(tmp_path: Path) -> None:
    training, validation = (draw_scenes(tmp_path, 1, 0, data_root=tmp_path, is_validation=is_validation) for is_validation in (False, True))
    assert not torch.equal(training.looks, validation.looks)
    assert {path.name for path in tmp_path.iterdir()} == {"training-0-0.npz", "validation-0-1000000.npz"}


def test_a_pass_shows_every_scene_once_and_about_half_of_them_inverted(tmp_path: Path) -> None:
    scenes = pool(tmp_path, 128)
    seen = list(scenes.batches(30, seed=1))
    assert [len(looks) for looks, *_ in seen] == [30, 30, 30, 30, 8]
    assert sorted(ink.numpy().tobytes() for _, inks, *_ in seen for ink in inks) == sorted(ink.numpy().tobytes() for ink in scenes.inks)
    originals = {look.numpy().tobytes() for look in scenes.looks}
    kept = sum(look.numpy().tobytes() in originals for looks, *_ in seen for look in looks)
    assert 40 < kept < 90
    again = list(scenes.batches(30, seed=1))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(seen, again, strict=True))


def test_an_eye_learns_from_a_few_hundred_scenes(tmp_path: Path) -> None:
    scenes = pool(tmp_path, 256)
    learning = trainer(scenes, replace(TINY, epochs=5, batch_size=16))
    looks = scenes.take(torch.arange(128))

    def total(net: EyeNet) -> float:
        with torch.inference_mode():
            return float(sum(losses(net.eval(), looks, CPU, bfloat16=False).values()))

    before = total(learning.net)
    found = learning.run(tmp_path)
    assert not found.training
    assert total(found) < 0.65 * before


def test_a_net_that_knows_the_truth_is_judged_perfect_and_one_that_sees_nothing_is_not(tmp_path: Path) -> None:
    scenes = pool(tmp_path)
    ones = scenes.kinds == Content.ONE

    def knowing(looks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        assert torch.equal(looks, scenes.looks)
        reading = torch.zeros(len(looks), 13)
        reading[torch.arange(64), scenes.digits.clamp(min=0)] = 1
        reading[torch.arange(64), 10 + scenes.kinds] = 1
        return scenes.inks.float() - 127.5, reading

    def blind(looks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.full(looks.shape, -1.0), torch.zeros(len(looks), 13)

    assert judged(knowing, scenes, CPU) == {"kind": 1.0, "digit": 1.0, "overlap": 1.0}  # type: ignore[arg-type]
    found = judged(blind, scenes, CPU)  # type: ignore[arg-type]
    assert found["overlap"] == 0
    assert found["kind"] == pytest.approx(float((scenes.kinds == Content.NONE).float().mean()))
    assert found["digit"] == pytest.approx(float((scenes.digits[ones] == 0).float().mean()))


def test_the_digit_counts_where_there_is_one_and_the_overlap_where_there_is_ink() -> None:
    looks, kinds = torch.zeros(2, LOOK_PX, LOOK_PX, dtype=torch.uint8), torch.tensor([int(Content.NONE), int(Content.ONE)])
    inks = torch.zeros(2, LOOK_PX, LOOK_PX, dtype=torch.uint8)
    inks[1, 20:40, 20:40] = 255
    net = EyeNet().eval()
    with torch.inference_mode():
        ink, reading = net(looks)
        found = losses(net, (looks, inks, kinds, torch.tensor([-1, 4])), CPU, bfloat16=False)
    expected = -torch.log_softmax(reading[1, :10], dim=0)[4]
    assert float(found["digit"]) == pytest.approx(learning_to_see.WORD * float(expected), rel=1e-5)
    share, truth = ink.double().sigmoid().numpy(), inks.numpy() / 255
    pixels = -(truth * np.log(share) + (1 - truth) * np.log(1 - share)).mean(axis=(1, 2))
    overlap = 1 - (2 * (share[1] * truth[1]).sum() + 1) / (share[1].sum() + truth[1].sum() + 1)
    assert float(found["ink"]) == pytest.approx((learning_to_see.PIXEL * pixels.sum() + learning_to_see.OVERLAP * overlap) / 2, rel=1e-4)


def test_the_rate_rises_stays_and_falls_to_nothing(tmp_path: Path) -> None:
    learning = trainer(pool(tmp_path), DrawnRecipe(scenes=64, epochs=50, batch_size=32, warm_up=10))
    rates = []
    for step in range(learning.steps):
        learning.step = step
        rates.append(learning.rate())
    assert learning.steps == 100
    assert rates[0] == pytest.approx(0.1) and rates[9:50] == [1.0] * 41
    assert rates[75] == pytest.approx(0.5) and rates[99] == pytest.approx(0.02)


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = pool(tmp_path)
    whole = weights(trainer(scenes).run(made(tmp_path / "whole")))
    folder, killed = made(tmp_path / "killed"), trainer(scenes)
    train_epoch = killed._train_epoch

    def dying() -> None:
        if killed.epoch == 1:
            raise KeyboardInterrupt
        train_epoch()

    monkeypatch.setattr(killed, "_train_epoch", dying)
    with pytest.raises(KeyboardInterrupt):
        killed.run(folder)
    torch.manual_seed(123)
    resumed = trainer(scenes)
    found = weights(resumed.run(folder))
    assert resumed.step == resumed.steps == 4
    assert all(torch.equal(found[name], whole[name]) for name in whole)


def test_a_checkpoint_of_another_recipe_is_refused_and_stays(tmp_path: Path) -> None:
    scenes = pool(tmp_path)
    one = replace(TINY, epochs=1)
    trainer(scenes, one).run(tmp_path)
    with pytest.raises(TrainingError, match="is of another recipe; remove it, or train in another --run"):
        trainer(scenes, replace(one, seed=1)).run(tmp_path)
    assert (tmp_path / CHECKPOINT).exists()


@pytest.mark.usefixtures("publishing")
def test_an_eye_can_go_on_from_another(tmp_path: Path) -> None:
    first = published(tmp_path / "first", tmp_path)
    going_on = trainer(pool(tmp_path), replace(TINY, init_from=str(first)))
    assert all(torch.equal(value, going_on.net.state_dict()[name]) for name, value in blocks.read(EyeNet(), first).state_dict().items())


def published(out: Path, data_root: Path, **fields: str) -> Path:
    """The weights file of an eye that was trained for an epoch on 64 scenes, by the command's own way."""
    out.mkdir()
    recipe = replace(TINY, epochs=1, **fields)
    place = drawn_release.Workplace(data_root / f"run-{out.name}", out / EYE.weights, data_root, "cpu", "1.3")
    EYE.train(recipe, place)
    return out / EYE.weights


@pytest.fixture
def publishing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Publishing needs MNIST on disk and the machine's fonts, neither of which says anything about an eye."""
    monkeypatch.setattr(mnist, "ensure_mnist", lambda root: None)
    monkeypatch.setattr(mnist, "data_hash", lambda root: "d" * 64)
    monkeypatch.setattr(drawn_release, "used", lambda: {"/fonts/a.ttf": "f" * 64})


@pytest.mark.usefixtures("publishing")
def test_the_card_says_what_the_eye_was_made_of_and_how_good_it_is(tmp_path: Path) -> None:
    first = published(tmp_path / "first", tmp_path)
    path = published(tmp_path / "second", tmp_path, init_from=str(first))
    card = check_card(path)
    sources_file = tmp_path / "run-second" / drawn_release.SOURCES
    assert (card.version, card.task, card.data_sha256) == ("1.3", "eye", "d" * 64)
    assert card.recipe["drawn_from"] == {"files": 1, "sha256": hashlib.sha256(sources_file.read_bytes()).hexdigest()}
    assert json.loads(sources_file.read_text()) == {"/fonts/a.ttf": "f" * 64}
    assert card.recipe["made_from"] == {str(first): hashlib.sha256(first.read_bytes()).hexdigest()}
    assert card.recipe["scenes"] == 64 and card.recipe["epochs"] == 1
    assert set(card.accuracy) == {"kind", "digit", "overlap", "training_s"}
    assert card.parameters == sum(parameter.numel() for parameter in EyeNet().parameters()) == 563_025
    assert not (tmp_path / "run-second" / CHECKPOINT).exists()
    looks = pool(tmp_path).looks[:4].numpy()
    inks, kinds = eye_net.load(path, device="cpu")(looks)
    assert inks.shape == (4, LOOK_PX, LOOK_PX) and inks.dtype == np.uint8
    assert kinds.sum(axis=1) == pytest.approx(1)


def test_what_it_should_go_on_from_is_checked_before_any_scene_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist, "ensure_mnist", None)
    (tmp_path / "eye.pt").write_bytes(b"no weights")
    with pytest.raises(CardError):
        published(tmp_path / "out", tmp_path, init_from=str(tmp_path / "eye.pt"))


def test_missing_packages_end_the_command_with_the_line_that_installs_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PACKAGES", ("no-such-fonts", "no-such-pictures"))
    monkeypatch.setattr(sys, "argv", ["train_eye", "--out", str(tmp_path), "--run", str(tmp_path / "run")])
    with pytest.raises(SystemExit, match=r"train_eye: the eye is trained on .*: apt-get install no-such-fonts no-such-pictures"):
        EYE.command("train_eye", None)
    assert not list(tmp_path.iterdir())


def test_bfloat16_is_taken_where_the_processor_multiplies_in_it_or_the_recipe_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for has in (True, False):
        monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda has=has: has)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda has=has: not has)
        assert multiplies_in_bfloat16(CPU) is has
        assert multiplies_in_bfloat16(torch.device("cuda", 0)) is not has
        chosen = {precision: choose_autocast(Recipe(precision=precision), CPU) for precision in ("auto", "float32", "bfloat16")}
        assert chosen == {"auto": has, "float32": False, "bfloat16": True}


def test_a_blend_is_between_two_eyes_and_its_ends_are_they() -> None:
    first, second = EyeNet(), EyeNet()
    for share, expected in ((0.0, first), (1.0, second)):
        found = blended(first, second, share).state_dict()
        assert all(torch.equal(found[name], value) for name, value in expected.state_dict().items())
    middle = blended(first, second, 0.25).state_dict()["ink.weight"]
    assert torch.allclose(middle, 0.75 * first.ink.weight + 0.25 * second.ink.weight)


@pytest.mark.usefixtures("publishing")
def test_a_blends_card_names_both_eyes_and_how_far_it_is_between_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    eyes = [published(tmp_path / name, tmp_path) for name in ("first", "second")]
    (tmp_path / "out").mkdir()
    given = ["eye", "--weights", *map(str, eyes), "--share", "0.3", "--out", str(tmp_path / "out"), "--version", "1.4"]
    monkeypatch.setattr(sys, "argv", ["blend", *given, "--run", str(tmp_path), "--data-root", str(tmp_path)])
    blend.main()
    card = check_card(tmp_path / "out" / EYE.weights)
    assert (card.version, card.recipe["share"]) == ("1.4", 0.3)
    assert card.recipe["made_from"] == {str(eye): hashlib.sha256(eye.read_bytes()).hexdigest() for eye in eyes}
