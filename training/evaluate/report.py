"""Report on a model: `python -m training.evaluate.report --weights runs/quick/digits.pt` writes reports/quick.

The test pictures are encoded and go through the served path, so the accuracy is the one that clients meet.
"""

import argparse
import base64
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import jinja2
import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics.functional import classification as metric

from digitkit.artifacts.card import Card, CardError, check_card
from digitkit.pictures.codec import encode_png
from digitkit.readers.digits import net
from digitkit.readers.digits.canvas import to_canvas
from digitkit.readers.digits.digit import LABELS, Prediction
from digitkit.settings import Settings, SettingsError
from training.data import mnist
from training.evaluate import plots
from training.evaluate.served import MODEL_CONFIG, predict_served

REPORTS = Path("reports")
TEMPLATE = "report.html.jinja"
ECE_BINS = 15  # as in Guo et al. 2017, so that the figure can be compared
MISTAKES_SHOWN = 64
DECIMALS = 6  # a float32 has seven; the accuracy of 10,000 pictures is exact with four


@dataclass(frozen=True, slots=True)
class Answers:
    """What the model answered to N labelled pictures, in their order.

    Attributes:
        labels: int64 (N,), the truth.
        digits: int64 (N,), the answers.
        probabilities: float32 (N, 10), calibrated.
        accepted: bool (N,).
    """

    labels: Tensor
    digits: Tensor
    probabilities: Tensor
    accepted: Tensor

    @classmethod
    def of(cls, predictions: Sequence[Prediction], labels: NDArray[np.int64]) -> "Answers":
        return cls(
            torch.from_numpy(labels),
            torch.tensor([p.digit for p in predictions]),
            torch.tensor([p.probabilities for p in predictions]),
            torch.tensor([p.accepted for p in predictions]),
        )

    @property
    def confidences(self) -> Tensor:
        return self.probabilities.amax(dim=1)

    def mistakes(self) -> list[int]:
        """The indices of the wrong answers, the most confident first; equally confident ones in their order."""
        order = self.confidences.argsort(descending=True, stable=True)
        return order[(self.digits != self.labels)[order]].tolist()


def measure(answers: Answers) -> dict[str, Any]:
    """Every figure of the report, rounded, ready for JSON."""
    digits, labels, classes = answers.digits, answers.labels, len(LABELS)
    confusion = metric.multiclass_confusion_matrix(digits, labels, classes)
    columns = {name: rounded(values) for name, values in scores(answers, "none").items()}
    per_digit = [
        {"digit": digit, **{name: column[digit] for name, column in columns.items()}, "pictures": int(confusion[digit].sum())}
        for digit in LABELS
    ]
    return {
        "accuracy": rounded(metric.multiclass_accuracy(digits, labels, classes, average="micro")),
        "pictures": len(labels),
        "mistakes": len(answers.mistakes()),
        "accepted": rounded(answers.accepted.float().mean()),
        "ece": rounded(metric.multiclass_calibration_error(answers.probabilities, labels, classes, n_bins=ECE_BINS)),
        "digits": per_digit,
        "macro": {name: rounded(value) for name, value in scores(answers, "macro").items()},
        "weighted": {name: rounded(value) for name, value in scores(answers, "weighted").items()},
        "confusion": confusion.tolist(),
    }


def scores(answers: Answers, average: Literal["none", "macro", "weighted"]) -> dict[str, Tensor]:
    """Precision, recall, F1 and AUC: scalars, or (10,) each with the average "none"."""
    digits, labels, classes = answers.digits, answers.labels, len(LABELS)
    return {
        "precision": metric.multiclass_precision(digits, labels, classes, average=average),
        "recall": metric.multiclass_recall(digits, labels, classes, average=average),
        "f1": metric.multiclass_f1_score(digits, labels, classes, average=average),
        "auc": metric.multiclass_auroc(answers.probabilities, labels, classes, average=average),
    }


def rounded(values: Tensor) -> Any:
    """A float of a scalar, a list of floats of a vector."""
    return np.round(values.numpy().astype(np.float64), DECIMALS).tolist()


def draw(answers: Answers, pictures: NDArray[np.uint8], metrics: Mapping[str, Any]) -> dict[str, bytes]:
    """The PNG files of the report, by name; `pictures` uint8 (N, H, W) are those that were answered."""
    false_rates, true_rates, _ = metric.multiclass_roc(answers.probabilities, answers.labels, len(LABELS))
    curves = [(f.double().numpy(), t.double().numpy()) for f, t in zip(false_rates, true_rates, strict=True)]
    confidences, correct = answers.confidences.double().numpy(), (answers.digits == answers.labels).numpy()
    figures = {
        "confusion.png": plots.confusion_figure(np.array(metrics["confusion"])),
        "roc.png": plots.roc_figure(curves, [row["auc"] for row in metrics["digits"]]),
        "reliability.png": plots.reliability_figure(confidences, correct, bins=ECE_BINS, ece=metrics["ece"]),
        "mistakes.png": draw_mistakes(answers, pictures),
    }
    return {name: plots.to_png(figure) for name, figure in figures.items()}


def draw_mistakes(answers: Answers, pictures: NDArray[np.uint8]) -> Figure:
    """The most confident mistakes, each as the canvas that the model saw."""
    mistakes = answers.mistakes()
    shown = mistakes[:MISTAKES_SHOWN]
    captions = [(f"{answers.labels[i]} → {answers.digits[i]}", f"{answers.confidences[i]:.2%}") for i in shown]
    return plots.mistakes_figure([to_canvas(pictures[i]) for i in shown], captions, mistakes_title(len(mistakes)))


def mistakes_title(count: int) -> str:
    """What the picture of the mistakes shows of a model that made `count`."""
    if count >= MISTAKES_SHOWN:
        return f"The {MISTAKES_SHOWN} most confident of {count:,} mistakes"
    return f"Every mistake: {count}, fewer than {MISTAKES_SHOWN}" if count else "No mistakes"


def render(metrics: Mapping[str, Any], card: Card, figures: Mapping[str, bytes], weights: Path) -> str:
    """The report as one HTML page that needs nothing beside it: the figures are inside."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = "{:.2%}".format
    images = {name: f"data:image/png;base64,{base64.b64encode(content).decode()}" for name, content in figures.items()}
    return environment.get_template(TEMPLATE).render(
        metrics=metrics, card=card, images=images, weights=weights, ece_bins=ECE_BINS, mistakes_title=mistakes_title(metrics["mistakes"])
    )


def publish(files: Mapping[str, bytes], folder: Path) -> None:
    """Leave `files` in `folder`, moved in when all are written; whatever else lies there stays."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as staging:
        for name, content in files.items():
            (Path(staging) / name).write_bytes(content)
        for name in files:
            (Path(staging) / name).replace(folder / name)


def report(weights: Path, folder: Path, *, data_root: Path) -> dict[str, Any]:
    """Measure the model in `weights` on the test split, leave the report in `folder` and return its figures.

    Raises:
        CardError: the weights do not match their card.
        DataError: the test split is missing or damaged.
    """
    run, card = net.as_run(net.read(weights), torch.device("cpu")), check_card(weights)
    test = mnist.load_test(data_root)
    predictions = predict_served([encode_png(picture) for picture in test.pictures], run, Settings.read(MODEL_CONFIG))
    answers = Answers.of(predictions, test.labels)
    metrics = measure(answers)
    figures = draw(answers, test.pictures, metrics)
    page = render(metrics, card, figures, weights)
    text = json.dumps({**metrics, "card": asdict(card)}, indent=2) + "\n"
    publish({**figures, "metrics.json": text.encode(), "report.html": page.encode()}, folder)
    return metrics


def table(metrics: Mapping[str, Any]) -> str:
    """The figures as lines for a console."""
    rows = [(str(row["digit"]), row, f"{row['pictures']:,}") for row in metrics["digits"]]
    rows += [(average, metrics[average], "") for average in ("macro", "weighted")]
    lines = [f"{'digit':>8} {'precision':>10} {'recall':>8} {'F1':>8} {'AUC':>9} {'pictures':>9}"]
    for name, row, pictures in rows:
        line = f"{name:>8} {row['precision']:>10.2%} {row['recall']:>8.2%} {row['f1']:>8.2%} {row['auc']:>9.6f} {pictures:>9}"
        lines.append(line.rstrip())
    right = metrics["pictures"] - metrics["mistakes"]
    accuracy = f"accuracy {metrics['accuracy']:.2%} ({right:,} of {metrics['pictures']:,})"
    lines.append(f"{accuracy}, accepted {metrics['accepted']:.2%}, ECE {metrics['ece']:.4f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.evaluate.report", description="Report on a model, measured on MNIST's test split.")
    parser.add_argument("--weights", type=Path, required=True, help="digits.pt of a run, with its card beside it")
    parser.add_argument("--out", type=Path, help="folder of the report (reports/RUN, by the weights' own folder)")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT, help="folder that holds MNIST/raw, or will")
    flags = parser.parse_args()
    folder = flags.out or REPORTS / flags.weights.parent.name
    try:
        metrics = report(flags.weights, folder, data_root=flags.data_root)
    except (CardError, SettingsError, OSError, ValueError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")
    print(table(metrics))
    print(f"report   {folder / 'report.html'}")


if __name__ == "__main__":
    main()
