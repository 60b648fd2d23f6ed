"""How the served path reads scenes that people send: `python -m training.evaluate.ladders.run --weights …`.

Every family of scenes is drawn from its own seed, so that one read alone has the same pictures as among all.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

from digitkit.artifacts.card import CardError
from digitkit.settings import SettingsError
from training.data import mnist
from training.evaluate.exams.contact_sheet import write_sheets
from training.evaluate.exams.exam import ExamResult, show, sit, write
from training.evaluate.ladders.broken import broken, segments
from training.evaluate.ladders.drawing import Scene
from training.evaluate.ladders.no_digits import noises, photos, screens
from training.evaluate.ladders.remote import strips, thin_pens
from training.evaluate.ladders.rows import rows
from training.evaluate.ladders.scripts import scripts
from training.evaluate.ladders.shrunk import shrunk
from training.evaluate.ladders.surrounded import figures, surrounded
from training.evaluate.ladders.tight import tight_crops
from training.evaluate.picture_reader import PictureReader

REPORT, SHEETS = "scenes.json", "scenes"
SEED = 2024
SCENES: dict[str, Scene] = {
    "tight": tight_crops, "broken": broken, "segments": segments, "strips": strips, "pens": thin_pens, "rows": rows, "photos": photos,
    "screens": screens, "noise": noises, "scripts": scripts, "surrounded": surrounded, "imshow": figures, "shrunk": shrunk,
}  # fmt: skip


def read_scenes(names: list[str], test: mnist.Split, reader: PictureReader) -> list[ExamResult]:
    """Draw and read the scenes of these names, with a line for each of how long it took."""
    results = []
    for name in names:
        began = time.monotonic()
        draw = np.random.default_rng([SEED, list(SCENES).index(name)])
        found = [sit(exam, reader) for exam in SCENES[name](test, draw)]
        print(f"{name}: {sum(len(result.exam.files) for result in found)} pictures, {time.monotonic() - began:.0f} s", file=sys.stderr)
        results += found
    return results


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="training.evaluate.ladders.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help=f"the report's folder, which gets {REPORT} and {SHEETS}/ with what failed")
    parser.add_argument("--only", default=",".join(SCENES), metavar="NAMES", help="scenes to read, with commas between (all)")
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT)
    flags = parser.parse_args()
    names = flags.only.split(",")
    if unknown := [name for name in names if name not in SCENES]:
        sys.exit(f"{parser.prog}: no scenes {', '.join(unknown)}; there are {', '.join(SCENES)}")
    torch.set_num_threads(1)
    try:
        results = read_scenes(names, mnist.load_test(flags.data_root), PictureReader.of(flags.weights))
        write_sheets(results, PictureReader.of(flags.weights), flags.out / SHEETS)
    except (CardError, SettingsError, OSError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")
    shares = [result.figure() for result in results]
    write(shares, flags.out / REPORT)
    show(shares, f"{flags.weights} on drawn scenes")
    print(f"what failed: {flags.out / SHEETS}")


if __name__ == "__main__":
    main()
