"""How whole numbers are read: `python -m training.evaluate.lines.run --weights training/released/numbers.pt --real-data …`.

The sets are real pictures that no package ships; a set whose file is absent is skipped, with a line that says so. What is quoted
is the half of each set on which nothing was chosen; `--half development` reads the other one, to choose on. With `--peers` other
engines read the same lines, in turns with ours, and a second table has them side by side.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from digitkit.artifacts.card import CardError
from digitkit.settings import SettingsError
from training.evaluate.exams.exam import Figure, show, write
from training.evaluate.lines.beside import Beside, compare, peers, show_beside, stay_on_one_core, write_beside
from training.evaluate.lines.misread import write_misread
from training.evaluate.lines.number_exam import NumberExam, NumberPictures, figures, left_by_format, wrong
from training.evaluate.lines.number_sets import LINE_SETS
from training.evaluate.lines.numberless import numberless
from training.evaluate.lines.peers.line_peer import PEERS, PeerError
from training.evaluate.real.sets import Half, exams_in

PROGRAM = "training.evaluate.lines.run"
REPORT = {"quoted": "numbers.json", "development": "numbers-development.json"}
BESIDE = {"quoted": "numbers-peers.json", "development": "numbers-peers-development.json"}
SHEETS = "misread-numbers"


def exams(real: Path, half: Half, only: str) -> Iterator[NumberExam]:
    """Every exam whose pictures are at hand, one after the other, or those of the sets whose file's name has `only` in it.

    Raises:
        ValueError: a file that is damaged or holds other arrays.
    """
    yield from exams_in(real, LINE_SETS, half, only)
    if only in "numberless":
        yield from numberless()


def names(text: str) -> list[str]:
    """The peers of a list with commas."""
    chosen = [name for name in text.split(",") if name]
    unknown = [name for name in chosen if name not in PEERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no peer {', '.join(unknown)}; there are {', '.join(PEERS)}")
    return chosen


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--real-data", type=Path, required=True, help="the folder with the sets, each an .npz file")
    parser.add_argument("--out", type=Path, required=True, help=f"the report's folder, which gets {REPORT['quoted']} and {SHEETS}/")
    parser.add_argument("--half", choices=get_args(Half), default="quoted", help="the half of each set that is read (quoted)")
    parser.add_argument("--only", default="", metavar="WORD", help="only sets with this in their file's name, as cheque; numberless too")
    parser.add_argument("--peers", type=names, default=[], metavar="NAMES", help=f"other engines beside ours, of {','.join(PEERS)}")
    return parser.parse_args()


def main() -> None:
    flags = parse()
    if flags.peers:
        stay_on_one_core()
    found: list[Figure] = []
    beside: list[Beside] = []
    try:
        ours = NumberPictures(flags.weights)
        with peers(flags.peers) as others:
            readers = {"ours": lambda file: ours.read([file]).digits[0], **others}
            for exam in exams(flags.real_data, flags.half, flags.only):
                readings = ours.read(exam.files)
                is_wrong = wrong(exam, readings)
                found += figures(exam, readings)
                if exam.form:
                    found.append(left_by_format(exam, is_wrong, ours.read(exam.files, exam.form)))
                write_misread(exam, readings, is_wrong, flags.out / SHEETS / flags.half)
                beside += compare(exam, readers) if others and not exam.is_error else []
    except (CardError, PeerError, SettingsError, ValueError, OSError) as err:
        sys.exit(f"{PROGRAM}: {err}")
    if not found:
        sys.exit(f"{PROGRAM}: no set has '{flags.only}' in its name; there are numberless and {', '.join(LINE_SETS)}")
    write(found, flags.out / REPORT[flags.half])
    show(found, f"{flags.weights} on lines, the {flags.half} half of each set")
    print(f"what was misread: {flags.out / SHEETS / flags.half}")
    if beside:
        write_beside(beside, flags.out / BESIDE[flags.half])
        show_beside(beside, "lines read right, and the median time of a line on one core")


if __name__ == "__main__":
    main()
