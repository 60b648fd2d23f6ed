"""How numbers on whole pictures are found and read: `python -m training.evaluate.pages.run --weights … --real-data …`.

The sets are real pictures that no package ships; a set whose file is absent is skipped, with a line that says so. What is quoted
is the half of each set on which nothing was chosen; `--half development` reads the other one, to choose on.
"""

import argparse
import sys
from pathlib import Path
from time import perf_counter
from typing import get_args

from digitkit.artifacts.card import CardError
from digitkit.settings import SettingsError
from training.evaluate.exams.exam import Figure, show, write
from training.evaluate.pages.missed import write_missed
from training.evaluate.pages.page_exam import PagePictures, figures
from training.evaluate.pages.page_sets import PAGE_SETS
from training.evaluate.real.sets import Half, exams_in

PROGRAM = "training.evaluate.pages.run"
REPORT = {"quoted": "pages.json", "development": "pages-development.json"}
SHEETS = "missed-numbers"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="of the reader of lines, beside which its finder lies; a graph as well")
    parser.add_argument("--real-data", type=Path, required=True, help="the folder with the sets, each an .npz file")
    parser.add_argument("--out", type=Path, required=True, help=f"the report's folder, which gets {REPORT['quoted']} and {SHEETS}/")
    parser.add_argument("--half", choices=get_args(Half), default="quoted", help="the half of each set that is read (quoted)")
    parser.add_argument("--only", default="", metavar="WORD", help="only sets with this in their file's name, as forms")
    return parser.parse_args()


def main() -> None:
    flags = parse()
    found: list[Figure] = []
    began, pictures = perf_counter(), 0
    try:
        reader = PagePictures(flags.weights)
        for exam in exams_in(flags.real_data, PAGE_SETS, flags.half, flags.only):
            readings = [reader.reading(file) for file in exam.files]
            found += figures(exam, readings)
            pictures += len(readings)
            write_missed(exam, readings, flags.out / SHEETS / flags.half)
    except (CardError, SettingsError, ValueError, OSError) as err:
        sys.exit(f"{PROGRAM}: {err}")
    if not found:
        sys.exit(f"{PROGRAM}: no set with '{flags.only}' in its name is at hand; there are {', '.join(PAGE_SETS)}")
    write(found, flags.out / REPORT[flags.half])
    show(found, f"{flags.weights} and its finder on whole pictures, the {flags.half} half of each set")
    print(f"{1000 * (perf_counter() - began) / pictures:,.0f} ms a picture; what was missed: {flags.out / SHEETS / flags.half}")


if __name__ == "__main__":
    main()
