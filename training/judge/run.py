"""Judge a challenger against the champion: `python -m training.judge.run --champion WEIGHTS --challenger WEIGHTS`.

Leaves verdict.json beside the challenger's weights and a report that says which group of pictures it reads worst. The exit code is 3
where it fails a gate.
"""

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from digitkit.artifacts.card import CardError, check_card
from digitkit.settings import SettingsError
from training.data import mnist
from training.data.shown import CanvasReader
from training.evaluate.picture_reader import PictureReader
from training.judge.comparison import FIGURES, Comparison, compare, sit_both
from training.judge.judged import Judged, at_most, on_corruptions, on_drawn, on_mnist, on_real, on_reviewed, writer_ids
from training.judge.judgement import GATES, GateError, Judgement, decide, load_gates
from training.judge.verdict_report import REPORT, write_report

EXIT_FAILED = 3  # a gate did not let it pass; 1 means that the command itself failed
PICTURES_ROOM = "pictures"  # beside the challenger's weights, where make retrain leaves what it was trained on


def pictures_to_judge(flags: argparse.Namespace, reader: PictureReader) -> list[Judged]:
    """All sets that are at hand.

    Raises:
        DataError: MNIST cannot be read, or the challenger learned from reviewed pictures that are not at hand.
        ValueError: a real set is damaged.
    """
    test = mnist.load_test(flags.data_root).take(slice(flags.mnist_pictures))
    reviewed = flags.reviewed or flags.challenger.parent / PICTURES_ROOM
    learned = check_card(flags.challenger).recipe.get("own_pictures")
    own = list(on_reviewed(reviewed, CanvasReader(reader.run, reader.eye, reader.settings.limits)))
    if learned and not own:
        raise mnist.DataError(
            f"{flags.challenger} was trained on {learned} reviewed pictures, and {reviewed} holds none; name them with --reviewed"
        )
    ids = writer_ids(flags.data_root, *([flags.real_data] if flags.real_data else []))
    real = on_real(flags.real_data) if flags.real_data else ()
    return [on_mnist(test, ids), *own, *on_corruptions(test), on_drawn(test), *(at_most(each, flags.pictures) for each in real)]


def judge(flags: argparse.Namespace) -> tuple[Judgement, Comparison]:
    """Have both read all pictures, decide, and leave verdict and report."""
    gates = load_gates(flags.gates, FIGURES)
    champion, challenger = (PictureReader.of(weights) for weights in (flags.champion, flags.challenger))
    all_judged = pictures_to_judge(flags, champion)
    sittings = sit_both(all_judged, champion, challenger)
    comparison = compare(sittings, champion)
    hashes = [check_card(weights).sha256 for weights in (flags.champion, flags.challenger)]
    data = {each.exam.name: each.sha256() for each in all_judged}
    verdict = decide(gates, comparison.figures, champion=hashes[0], challenger=hashes[1], data=data)
    verdict.write(flags.challenger.parent)
    write_report(verdict, comparison, sittings, flags.out / flags.challenger.parent.name)
    return verdict, comparison


def show(verdict: Judgement, comparison: Comparison) -> None:
    """Print the gates, and the worst group of each model."""
    table = Table("gate", "figure", "limit", "", title="The challenger passes" if verdict.passed else "The challenger fails")
    for gate in verdict.gates:
        figure = "not measured" if gate.figure is None else f"{gate.figure:.4f}"
        table.add_row(gate.name, figure, f"at {gate.bound} {gate.limit:g}", "✓" if gate.passed else "✗")
    Console(highlight=False).print(table)
    for name, gap in zip(("champion", "challenger"), comparison.gaps, strict=True):
        print(f"the {name} reads {gap.group} worst, {gap.value:.2%} less of it than of all digits")


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.judge.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--champion", type=Path, required=True, help="the weights that are served")
    parser.add_argument("--challenger", type=Path, required=True, help="the weights that are to follow them")
    parser.add_argument("--gates", type=Path, default=GATES, help="a YAML file (%(default)s)")
    parser.add_argument("--reviewed", type=Path, help="the export that the challenger was trained on (beside it)")
    parser.add_argument("--real-data", type=Path, help="the folder with sets of real pictures, each an .npz file")
    parser.add_argument("--mnist-pictures", type=int, default=10_000, help="of the test split (%(default)s)")
    parser.add_argument("--pictures", type=int, default=1_000, help="of each real set at most (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("reports"), help=f"the folder of reports; a run's own gets {REPORT}")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT, help="folder that holds MNIST/raw, or will")
    flags = parser.parse_args()
    try:
        verdict, comparison = judge(flags)
    except (CardError, SettingsError, GateError, ValueError, OSError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")
    show(verdict, comparison)
    print(f"verdict {flags.challenger.parent / 'verdict.json'}, report {flags.out / flags.challenger.parent.name / REPORT}")
    if not verdict.passed:
        print(f"not to be promoted: {', '.join(verdict.failed)}")
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
