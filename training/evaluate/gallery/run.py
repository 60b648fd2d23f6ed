"""Draw the pictures of docs/uses.md and write the answers of the released weights into it: make uses."""

import argparse
from pathlib import Path

from digitkit.pictures.codec import encode_png
from training.data.mnist import DATA_ROOT, load_train
from training.evaluate.gallery.gallery_answers import Answerer, with_answers
from training.evaluate.gallery.uses_drawn import DRAWN

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "uses.md"
PICTURES = ROOT / "docs" / "pictures" / "uses"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="of the reader of lines, with the finder beside them")
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT)
    options = parser.parse_args()
    train, _ = load_train(options.data_root)
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, drawn in DRAWN.items():
        (PICTURES / f"{name}.png").write_bytes(encode_png(drawn(train)))
    PAGE.write_text(with_answers(PAGE.read_text(), Answerer(options.weights), ROOT))
    print(f"{len(DRAWN)} pictures in {PICTURES.relative_to(ROOT)}, and their answers in {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
