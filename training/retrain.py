"""Learn from what people say that kept pictures show: `python -m training.retrain --data FOLDER --init-from WEIGHTS`.

The folder is an export of a store, as loop.labels writes it: `digits/7/`, `none/`, and with --all `open/`, of which nobody has said
anything yet. The digits are fine-tuned on as any user's own, pictures of nothing as the eleventh class. The open ones are learned from by
consistency, where that reads validation better. Pictures of several digits are left out: telling them is the eye's part. Of each picture
the canvas is learned from that the server reads with the weights that the training starts from.
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitkit.artifacts.card import CardError, check_card
from digitkit.settings import SettingsError
from training.data import folder, mnist
from training.data.shown import CanvasReader, Shown
from training.finetune import NO_CANVASES, REHEARSAL, More, check_rehearsal, finetune, show
from training.publish import WEIGHTS
from training.recipe import TrainingError, add_flags, from_flags
from training.version import add_version_flag

OUT = Path("runs/retrained") / WEIGHTS
DIGITS_ROOM, NONE_ROOM, OPEN_ROOM = "digits", "none", "open"  # of an export


def shown_in(room: Path, reader: CanvasReader) -> list[Shown]:
    """What a folder's pictures show; what the server refuses is left out."""
    return [shown for shown in reader.shown_in(sorted(room.glob("*"))) if isinstance(shown, Shown)]


def stacked(pictures: list[Shown]) -> NDArray[np.uint8]:
    """The canvases of pictures, uint8 (N, 28, 28)."""
    return np.stack([shown.canvas for shown in pictures]) if pictures else NO_CANVASES


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.retrain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of an export")
    parser.add_argument("--recipe", default="retrain", help="the flags below change its fields")
    parser.add_argument("--rehearsal", type=float, default=REHEARSAL, help="MNIST's pictures for each reviewed one (%(default)s)")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT, help="folder that holds MNIST/raw, or will")
    add_version_flag(parser, "the one after that of the weights it starts from")
    add_flags(parser)
    flags = vars(parser.parse_args())
    check_rehearsal(parser, flags["rehearsal"])
    try:
        recipe = from_flags(flags["recipe"], flags)
        check_card(Path(recipe.init_from))  # before the pictures are read, which takes longer
        digits = flags["data"] / DIGITS_ROOM
        if not digits.is_dir():
            raise mnist.DataError(
                f"there is no reviewed digit in {flags['data']}; make labels writes those of a store, make console has them reviewed"
            )
        reader = CanvasReader.of(Path(recipe.init_from))
        own, _ = folder.load(digits, reader, skip_unreadable=True)  # people say what specks are, which the server refuses as blank
        nothing, unlabelled = (shown_in(flags["data"] / room, reader) for room in (NONE_ROOM, OPEN_ROOM))
        more = More(stacked([shown for shown in nothing if not shown.is_held_out]), stacked(unlabelled))
        print(f"beside them {len(more.no_digits):,} pictures of no digit, and {len(more.unlabelled):,} that nobody has reviewed")
        extent = {"rehearsal": flags["rehearsal"], "data_root": flags["data_root"], "version": flags["version"]}
        card, changes = finetune(recipe, own, flags["out"], **extent, more=more)
    except (CardError, SettingsError, TrainingError, ValueError, OSError, mnist.DataError) as err:
        sys.exit(f"{parser.prog}: {err}")
    show(changes, card, flags["out"], f"{recipe.init_from} retrained on {flags['data']}")


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
