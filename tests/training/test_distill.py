"""Distillation and ensembles: soft targets from the canvases that the student sees."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from nets import CANVASES, drawn, logits, written
from test_training import TINY

from digitkit.artifacts.card import check_card, facts, write_card
from digitkit.readers.digits import net, ort
from export.to_onnx import to_onnx
from training import ensemble, train
from training.data import mnist
from training.learn.distill import Teacher, with_no_digit
from training.learn.loop import Trainer

CPU = torch.device("cpu")


@pytest.fixture
def split(mnist_test: mnist.Split) -> mnist.Split:
    return mnist_test.take(slice(128))


def test_teachers_answer_with_the_mean_of_their_logits_and_0_for_no_digit(tmp_path: Path) -> None:
    teachers = [written(drawn("lean", seed), tmp_path / f"{seed}.pt") for seed in (1, 2)]
    start = str(tmp_path / "missing.pt")  # what the student starts from teaches nothing
    teacher = Teacher(replace(TINY, teachers=",".join(map(str, teachers)), init_from=start), CPU)
    got = teacher.answer(torch.from_numpy(CANVASES)).numpy()
    expected = (logits(drawn("lean", 1)) + logits(drawn("lean", 2))) / 2
    np.testing.assert_allclose(got[:, :10], expected, atol=1e-5)
    assert not got[:, 10].any()


def test_the_loss_is_that_of_hinton_over_eleven_classes(tmp_path: Path) -> None:
    path = written(drawn("lean", 1), tmp_path / "digits.pt")
    teacher = Teacher(replace(TINY, teachers=str(path), distill_temperature=3.0, distill_share=0.6), CPU)
    ours, theirs = (with_no_digit(torch.from_numpy(logits(drawn("lean", seed))) * 10) for seed in (2, 1))

    def softmax(rows: np.ndarray) -> np.ndarray:
        powers = np.exp(rows)
        return powers / powers.sum(axis=1, keepdims=True)

    p, q = softmax(theirs.double().numpy() / 3), softmax(ours.double().numpy() / 3)
    expected = 0.4 * 2.5 + 0.6 * 9 * np.mean(np.sum(p * np.log(p / q), axis=1))
    assert teacher.blend(torch.tensor(2.5), ours, theirs).item() == pytest.approx(expected, rel=1e-4)


def test_a_teacher_sees_the_canvases_that_the_student_sees_and_is_not_trained(
    split: mnist.Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(drawn("seed", 1), tmp_path / "digits.pt")
    trainer = Trainer(replace(TINY, teachers=str(path), synthetic=0.0, augmentation=1.0), split, split)
    assert trainer.teacher is not None
    before = logits(trainer.teacher.net)
    seen: dict[str, list[torch.Tensor]] = {"teacher": [], "student": []}
    trainer.teacher.net.register_forward_pre_hook(lambda _, given: seen["teacher"].append(given[0]))
    trainer.net.register_forward_pre_hook(lambda _, given: seen["student"].append(given[0]))
    trainer.train_epoch(1)
    assert len(seen["student"]) == 2
    assert all(torch.equal(a, b) for a, b in zip(seen["teacher"], seen["student"], strict=True))
    assert not any(parameter.requires_grad for parameter in trainer.teacher.net.parameters())
    assert np.array_equal(logits(trainer.teacher.net), before)


def test_a_teacher_changes_what_is_learned_but_not_where_it_starts(split: mnist.Split, tmp_path: Path) -> None:
    path = written(drawn("lean", 1), tmp_path / "digits.pt")
    alone, taught = (Trainer(replace(TINY, teachers=teachers), split, split) for teachers in ("", str(path)))
    assert alone.teacher is None
    assert np.array_equal(logits(alone.net), logits(taught.net))
    alone.train_epoch(1)
    taught.train_epoch(1)
    assert not np.array_equal(logits(alone.net), logits(taught.net))


def test_a_student_with_nothing_but_a_teacher_comes_to_answer_as_it_does(split: mnist.Split, tmp_path: Path) -> None:
    weights = drawn("lean", 1)
    with torch.no_grad():  # a teacher that says 7 to whatever it sees
        weights.layers[-1].bias.copy_(torch.eye(10)[7] * 9)  # type: ignore[operator, union-attr]
    path = written(weights, tmp_path / "digits.pt")
    recipe = replace(TINY, teachers=str(path), distill_share=0.99, augmentation=0.0, epochs=5)
    trainer = Trainer(recipe, split, split)
    for number in range(5):
        trainer.train_epoch(number)
    answers = net.as_run(trainer.net, CPU)(split.pictures).argmax(axis=1)
    assert np.mean(answers == 7) > 0.9


def test_a_teacher_that_is_not_there_ends_with_one_sentence(tmp_path: Path, mnist_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = tmp_path / "none.pt"
    words = ["--teachers", str(absent), "--run", str(tmp_path / "run"), "--data-root", str(mnist_root), "--synthetic", "0"]
    monkeypatch.setattr(sys, "argv", ["train", *words])
    with pytest.raises(SystemExit, match=f"^training.train: {absent} does not exist$"):
        train.main()


@pytest.mark.slow
def test_an_ensemble_of_files_is_one_file_with_a_card_and_one_graph(
    tmp_path: Path, mnist_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [written(drawn("lean-4-8-16", seed), tmp_path / f"{seed}.pt") for seed in range(2)]
    write_card(members[0], **facts(check_card(members[0])) | {"version": "1.2"})
    words = ["--weights", *map(str, members), "--out", str(tmp_path / "out/digits.pt"), "--data-root", str(mnist_root)]
    monkeypatch.setattr(sys, "argv", ["ensemble", *words])
    ensemble.main()
    card = check_card(tmp_path / "out/digits.pt")
    assert card.recipe["architecture"] == "lean-4-8-16+lean-4-8-16"
    assert card.version == "1.2"  # the newest of its members
    assert card.recipe["made_from"] == {str(path): check_card(path).sha256 for path in members}
    mean = np.mean([logits(net.read(path)) for path in members], axis=0)
    close = 1e-4 * float(np.abs(mean).max())  # of the largest logit: single ones come as near to 0 as they like
    np.testing.assert_allclose(card.temperature * logits(net.read(tmp_path / "out/digits.pt")), mean, rtol=0, atol=close)
    to_onnx(tmp_path / "out/digits.pt", tmp_path / "digits.onnx", data_root=mnist_root)
    exported = ort.load(tmp_path / "digits.onnx", device="cpu").run(CANVASES)
    np.testing.assert_allclose(card.temperature * exported, mean, rtol=0, atol=close)


@pytest.mark.slow
def test_a_soup_of_files_is_one_file_whose_weights_are_their_mean(
    tmp_path: Path, mnist_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [written(drawn("lean-4-8-16", seed), tmp_path / f"{seed}.pt") for seed in range(3)]
    words = ["--soup", "--weights", *map(str, members), "--out", str(tmp_path / "soup.pt"), "--data-root", str(mnist_root)]
    monkeypatch.setattr(sys, "argv", ["ensemble", *words])
    ensemble.main()
    card, states = check_card(tmp_path / "soup.pt"), [net.read(path).state_dict() for path in members]
    assert card.recipe["architecture"] == "lean-4-8-16"
    assert card.recipe["made_from"] == {str(path): check_card(path).sha256 for path in members}
    assert (card.accuracy["seeds"], card.accuracy["test_mean"], card.accuracy["test_std"]) == (3, 0.5, 0.0)  # of its members
    cooked = net.read(tmp_path / "soup.pt").state_dict()
    first = next(iter(states[0]))  # a convolution, which the temperature in the last layer leaves alone
    torch.testing.assert_close(cooked[first], torch.stack([state[first] for state in states]).mean(dim=0))


def test_nets_of_several_architectures_are_no_soup() -> None:
    with pytest.raises(ValueError, match=r"^a soup is of one architecture; these are lean, lean-4-8-16$"):
        ensemble.soup([drawn("lean", 0), drawn("lean-4-8-16", 0)])
