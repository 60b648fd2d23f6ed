"""How the served path reads pictures that MNIST never showed: `python -m training.evaluate.real.run --weights … --real-data …`.

The sets are real pictures that no package ships; a set whose file is absent is skipped, with a line that says so. What is quoted
is the half of each set on which nothing was chosen; `--half development` reads the other one, to choose on.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from digitkit.artifacts.card import CardError
from digitkit.settings import SettingsError
from training.data import mnist
from training.evaluate.exams.contact_sheet import write_sheets
from training.evaluate.exams.exam import Exam, show, sit, write
from training.evaluate.picture_reader import PictureReader
from training.evaluate.real.overall import overall
from training.evaluate.real.sets import SETS, Half, exams_in, on_mnist

REPORT, SHEETS = {"quoted": "real.json", "development": "real-development.json"}, "misread"


def exams(test: mnist.Split, real: Path, half: Half, only: str) -> Iterator[Exam]:
    """Every exam whose pictures are at hand, one after the other, or those of the sets whose file's name has `only` in it.

    Raises:
        ValueError: a file that is damaged or holds other arrays.
    """
    if only in "mnist":
        yield from on_mnist(test, half)
    yield from exams_in(real, SETS, half, only)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="training.evaluate.real.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--real-data", type=Path, required=True, help="the folder with the sets, each an .npz file")
    parser.add_argument("--out", type=Path, required=True, help=f"the report's folder, which gets {REPORT['quoted']} and {SHEETS}/")
    parser.add_argument("--half", choices=get_args(Half), default="quoted", help="the half of each set that is read (quoted)")
    parser.add_argument("--only", default="", metavar="WORD", help="only sets with this in their file's name, as people; mnist too")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT)
    flags = parser.parse_args()
    try:
        reader = PictureReader.of(flags.weights)
        split = mnist.load_test(flags.data_root) if flags.half == "quoted" else mnist.load_train(flags.data_root)[1]
        results = [sit(exam, reader) for exam in exams(split, flags.real_data, flags.half, flags.only)]
    except (CardError, SettingsError, ValueError, OSError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")
    if not results:
        sys.exit(f"{parser.prog}: no set of real pictures has '{flags.only}' in its name; there are mnist and {', '.join(SETS)}")
    figures = [result.figure() for result in results] + overall(results)
    write(figures, flags.out / REPORT[flags.half])
    write_sheets(results, reader, flags.out / SHEETS / flags.half)
    show(figures, f"{flags.weights} on real pictures, the {flags.half} half of each set")
    print(f"what was misread: {flags.out / SHEETS / flags.half}")


if __name__ == "__main__":
    main()
