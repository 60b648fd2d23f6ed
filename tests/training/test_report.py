"""The report: its figures against independent references, its page, its files and its refusals."""

import itertools
import json
import re
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from digitkit.artifacts.card import Card, card_path, write_card
from digitkit.readers.digits import net
from digitkit.readers.digits.classify import classify
from digitkit.readers.digits.digit import Prediction
from digitkit.settings import Settings
from training.data import mnist
from training.evaluate import plots, report
from training.evaluate.served import MODEL_CONFIG, served_accuracy

PNG_START = b"\x89PNG\r\n\x1a\n"
FILES = ["confusion.png", "metrics.json", "mistakes.png", "reliability.png", "report.html", "roc.png"]
FACTS: dict[str, Any] = {
    "version": "1.0",
    "recipe": {"architecture": "lean", "learning_rate": 0.006, "seed": 41},
    "data_sha256": "d" * 64,
    "commit": "c" * 40,
    "accuracy": {"validation": 0.9912, "test": 0.9934, "seeds": 1},
    "temperature": 1.2345,
    "parameters": 104_938,
    "packages": {"torch": "9.8.7"},
}


def answer(digit: int, confidence: float = 0.91) -> Prediction:
    """A prediction of `digit`; the other nine share what its confidence leaves."""
    probabilities = [(1 - confidence) / 9] * 10
    probabilities[digit] = confidence
    return Prediction(digit, confidence, True, tuple(probabilities))


def noisy_answers(strength: float = 3.0) -> report.Answers:
    """300 answers, of which the more are right the greater `strength` is."""
    labels = np.arange(300) % 10
    noise = np.random.default_rng(0).normal(size=(300, 10))
    logits = (noise + strength * np.eye(10)[labels]).astype(np.float32)
    empty = np.zeros((28, 28), dtype=np.uint8)
    return report.Answers.of(classify([[empty]] * len(logits), lambda _: logits, 0.5), labels)


def stroke_pictures(answers: report.Answers) -> NDArray[np.uint8]:
    """A picture for each answer, of one upright stroke."""
    picture = np.zeros((28, 28), dtype=np.uint8)
    picture[4:24, 13:16] = 255
    return np.repeat(picture[None], len(answers.labels), axis=0)


@pytest.fixture(autouse=True)
def small_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of few pixels, which take a fraction of the time."""
    monkeypatch.setattr(plots, "DPI", 40)


@pytest.fixture
def captions(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What stands at each mistake that is shown, filled as they are drawn."""
    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(plots, "mistakes_figure", lambda _canvases, captions, _title: seen.extend(captions))
    return seen


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A weights file of an untrained net with its card."""
    torch.manual_seed(0)
    path = tmp_path / "runs" / "small" / "digits.pt"
    path.parent.mkdir(parents=True)
    net.save(net.DigitNet(), path)
    write_card(path, **FACTS)
    return path


@pytest.fixture
def test_split(monkeypatch: pytest.MonkeyPatch) -> mnist.Split:
    """Forty printed digits in place of MNIST's test split."""
    pictures = np.zeros((40, 28, 28), dtype=np.uint8)
    for i, picture in enumerate(pictures):
        cv2.putText(picture, str(i % 10), (5 + i // 10, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2)
    split = mnist.Split(pictures, np.arange(40) % 10)
    monkeypatch.setattr(mnist, "load_test", lambda _root: split)
    return split


def run_main(monkeypatch: pytest.MonkeyPatch, weights: Path, out: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["training.evaluate.report", "--weights", str(weights), "--out", str(out)])
    report.main()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_per_digit_scores_are_those_of_a_case_counted_by_hand() -> None:
    # Four 0s and two of every other digit; one of the 4s is read as 9.
    labels = np.array([0, 0, *range(10), *range(10)])
    digits = labels.copy()
    digits[6] = 9
    metrics = report.measure(report.Answers.of([answer(digit) for digit in digits], labels))

    assert metrics["accuracy"] == round(21 / 22, 6)
    assert metrics["mistakes"] == 1
    assert metrics["confusion"][4][9] == 1
    four, nine = metrics["digits"][4], metrics["digits"][9]
    assert (four["precision"], four["recall"], four["f1"], four["pictures"]) == (1, 0.5, round(2 / 3, 6), 2)
    assert (nine["precision"], nine["recall"], nine["f1"], nine["pictures"]) == (round(2 / 3, 6), 1, 0.8, 2)
    assert metrics["macro"]["recall"] == pytest.approx(9.5 / 10, abs=1e-6)
    assert metrics["weighted"]["recall"] == pytest.approx(21 / 22, abs=1e-6)
    assert metrics["macro"]["precision"] == pytest.approx((9 + 2 / 3) / 10, abs=1e-6)
    assert metrics["weighted"]["precision"] == pytest.approx((20 + 2 * 2 / 3) / 22, abs=1e-6)


def test_auc_is_the_share_of_pairs_that_are_ranked_right() -> None:
    answers = noisy_answers(strength=1.0)
    for row in report.measure(answers)["digits"]:
        column, own = answers.probabilities[:, row["digit"]].numpy(), answers.labels.numpy() == row["digit"]
        pairs = [float(a > b) + 0.5 * float(a == b) for a, b in itertools.product(column[own], column[~own])]
        assert row["auc"] == pytest.approx(np.mean(pairs), abs=1e-5)


def test_bins_that_are_drawn_add_up_to_the_ece() -> None:
    answers = noisy_answers()
    correct = (answers.digits == answers.labels).numpy()
    bins = plots.to_bins(answers.confidences.double().numpy(), correct, np.linspace(0, 1, report.ECE_BINS + 1))

    assert bins.counts.sum() == 300
    assert np.sum(bins.counts * np.abs(bins.rate - bins.value)) / 300 == pytest.approx(report.measure(answers)["ece"], abs=1e-5)


def test_certainty_falls_into_the_last_bin() -> None:
    bins = plots.to_bins(np.array([0.0, 0.2, 1.0]), np.array([False, True, True]), np.array([0.0, 0.5, 1.0]))
    assert bins.counts.tolist() == [2, 1]
    assert bins.rate.tolist() == [0.5, 1.0]


def test_wilson_interval_is_the_published_one() -> None:
    # Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 3.
    right, counts = np.array([81, 15, 0, 1]), np.array([263, 148, 20, 29])
    low, high = plots.wilson_interval(right / counts, counts)
    assert low.round(4).tolist() == [0.2553, 0.0624, 0.0, 0.0061]
    assert high.round(4).tolist() == [0.3662, 0.1605, 0.1611, 0.1718]


def test_mistakes_are_shown_most_confident_first(captions: list[tuple[str, str]]) -> None:
    predictions = [answer(2), answer(7, 0.6), answer(3, 0.95), answer(1, 0.6)]
    answers = report.Answers.of(predictions, np.array([2, 1, 5, 7]))
    report.draw_mistakes(answers, stroke_pictures(answers))
    assert captions == [("5 → 3", "95.00%"), ("1 → 7", "60.00%"), ("7 → 1", "60.00%")]


def test_no_more_than_64_mistakes_are_shown(captions: list[tuple[str, str]]) -> None:
    answers = noisy_answers(strength=0.0)
    report.draw_mistakes(answers, stroke_pictures(answers))
    assert len(answers.mistakes()) > len(captions) == 64


@pytest.mark.parametrize(
    ("count", "title"),
    [
        (1_090, "The 64 most confident of 1,090 mistakes"),
        (64, "The 64 most confident of 64 mistakes"),
        (63, "Every mistake: 63, fewer than 64"),
        (0, "No mistakes"),
    ],
)
def test_title_says_how_many_mistakes_there_are(count: int, title: str) -> None:
    assert report.mistakes_title(count) == title


@pytest.mark.parametrize("true_rates", [[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]], ids=["perfect", "useless"])
def test_roc_axis_rises_towards_certainty(true_rates: list[float]) -> None:
    curve = (np.array([0.0, 0.0001, 1.0]), np.array(true_rates))
    low, high = plots.roc_figure([curve] * 10, [0.5] * 10).axes[0].get_ylim()
    assert 0.01 <= low < high < 1


@pytest.mark.parametrize("strength", [0.0, 30.0], ids=["guessing", "perfect"])
def test_figures_are_drawn_of_any_model(strength: float) -> None:
    answers = noisy_answers(strength)
    figures = report.draw(answers, stroke_pictures(answers), report.measure(answers))
    assert all(content.startswith(PNG_START) for content in figures.values())


def test_report_holds_the_served_accuracy(
    weights: Path, test_split: mnist.Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "reports" / "small"
    run_main(monkeypatch, weights, out)

    run = net.as_run(net.read(weights), torch.device("cpu"))
    expected = served_accuracy(test_split.pictures, test_split.labels, run, Settings.read(MODEL_CONFIG))
    assert json.loads((out / "metrics.json").read_text())["accuracy"] == expected
    printed = capsys.readouterr().out
    assert f"accuracy {expected:.2%} ({round(expected * 40)} of 40)" in printed
    assert str(out / "report.html") in printed


@pytest.mark.usefixtures("test_split")
def test_report_is_the_same_bytes_when_made_again(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_main(monkeypatch, weights, tmp_path / "first")
    run_main(monkeypatch, weights, tmp_path / "second")
    assert sorted(contents(tmp_path / "first")) == FILES
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def rendered(card: Card) -> str:
    metrics = report.measure(noisy_answers())
    figures = dict.fromkeys(["confusion.png", "roc.png", "reliability.png", "mistakes.png"], PNG_START)
    return report.render(metrics, card, figures, Path("runs/small/digits.pt"))


def card(**changes: Any) -> Card:
    return Card(**{**FACTS, "contract": 1, "bytes": 427_149, "sha256": "f" * 64, **changes})


def test_page_names_everything_the_card_knows() -> None:
    page = rendered(card())
    recipe = ("learning rate <code>0.006</code>", "<dd>41</dd>", "9.8.7")
    model = ("d" * 64, "c" * 40, "f" * 64, "1.2345", "104,938", "427,149", "99.34%")
    for fact in recipe + model:
        assert fact in page


def test_page_needs_nothing_beside_it() -> None:
    page = rendered(card())
    sources = re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)""", page)
    assert len(sources) == 4
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not re.search(r"https?://|url\(|@import|<script|<link", page)


def test_markup_in_a_card_stays_text() -> None:
    page = rendered(card(commit="<script>alert(1)</script>"))
    assert "&lt;script&gt;alert(1)" in page


def remove_weights(weights: Path) -> None:
    weights.unlink()


def remove_card(weights: Path) -> None:
    card_path(weights).unlink()


def change_weights(weights: Path) -> None:
    weights.write_bytes(weights.read_bytes() + b"\0")


@pytest.mark.parametrize(
    ("spoil", "reason"), [(remove_weights, "does not exist"), (remove_card, "has no card"), (change_weights, "its sha256 differs")]
)
def test_bad_weights_are_refused_and_the_earlier_report_stays(
    spoil: Any, reason: str, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "reports"
    out.mkdir()
    (out / "report.html").write_text("earlier")
    spoil(weights)
    with pytest.raises(SystemExit) as exit_:
        run_main(monkeypatch, weights, out)

    message = str(exit_.value.code)
    assert message.startswith("training.evaluate.report: ")
    assert reason in message
    assert "\n" not in message
    assert contents(out) == {"report.html": b"earlier"}


def test_writing_that_fails_half_way_leaves_the_earlier_report(tmp_path: Path) -> None:
    out = tmp_path / "small"
    report.publish({"a": b"earlier", "b": b"earlier"}, out)
    with pytest.raises(TypeError):
        report.publish({"a": b"later", "b": None}, out)  # type: ignore[dict-item]
    assert contents(out) == {"a": b"earlier", "b": b"earlier"}
    assert list(tmp_path.iterdir()) == [out]


def test_other_files_in_the_folder_are_kept(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    report.publish({"report.html": b"page"}, tmp_path)
    assert contents(tmp_path) == {"notes.txt": b"mine", "report.html": b"page"}


def test_console_table_has_a_line_a_digit_and_one_an_average() -> None:
    lines = report.table(report.measure(noisy_answers())).splitlines()
    assert [line.split()[0] for line in lines] == ["digit", *"0123456789", "macro", "weighted", "accuracy"]
