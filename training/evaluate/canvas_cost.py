"""Measure the processor time from a file's bytes to its canvas, on one core: `python -m training.evaluate.canvas_cost`.

Every round measures all kinds of pictures in turn, and the medians of the rounds are printed, some beside a goal.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from digitkit.contract import Picture
from digitkit.pictures.codec import decode_picture, encode_png
from digitkit.readers.digits.canvas import to_canvas
from digitkit.settings import Settings
from training.data import mnist
from training.evaluate.served import MODEL_CONFIG

ROUNDS, PICTURES, LARGE = 15, 40, 4  # rounds, pictures of a kind in each, and of the largest kind, which takes a hundred times as long
PHOTO, SMALL_PHOTO, CAMERA = (480, 640), (240, 320), (3000, 4000)  # heights and widths; a camera's has 12 megapixels


def photo_of(canvas: Picture, size: tuple[int, int], draw: np.random.Generator) -> Picture:
    """A digit written on a page of a height and width, dark on paper that is lit from one side."""
    side = int(draw.integers(size[0] * 2 // 5, size[0] * 5 // 6))
    digit = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    page = np.zeros(size, dtype=np.float32)
    top, left = draw.integers(0, size[0] - side), draw.integers(0, size[1] - side)
    page[top : top + side, left : left + side] = digit
    light = np.linspace(150, 230, size[1], dtype=np.float32)
    return np.clip(light * (1 - 0.7 * page / 255) + draw.normal(0, 2, size), 0, 255).astype(np.uint8)


def jpeg(picture: Picture) -> bytes:
    return cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def enlarged(canvas: Picture) -> Picture:
    return np.asarray(255 - cv2.resize(canvas, (112, 112), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def noise(side: int, draw: np.random.Generator) -> Picture:
    return draw.integers(0, 256, (side, side), dtype=np.uint8)


def mean_us(read: Callable[[bytes], object], files: list[bytes]) -> float:
    began = time.process_time()
    for file in files:
        read(file)
    return (time.process_time() - began) / len(files) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="training.evaluate.canvas_cost", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-root", type=Path, default=mnist.DATA_ROOT)
    flags = parser.parse_args()
    cv2.setNumThreads(1)

    limits = Settings.read(MODEL_CONFIG).limits
    try:
        canvases = mnist.load_test(flags.data_root).pictures[:PICTURES]
    except (mnist.DataError, OSError) as err:
        sys.exit(f"{parser.prog}: {err}")
    draw = np.random.default_rng(0)
    kinds = {
        "28 x 28 PNG, MNIST's own": ([encode_png(canvas) for canvas in canvases], 60),
        "28 x 28 PNG, dark on light": ([encode_png(255 - canvas) for canvas in canvases], 0),
        "112 x 112 PNG, dark on light": ([encode_png(enlarged(canvas)) for canvas in canvases], 0),
        "36 x 36 PNG, noise": ([encode_png(noise(36, draw)) for _ in canvases], 0),
        "128 x 128 PNG, noise": ([encode_png(noise(128, draw)) for _ in canvases], 0),
        "640 x 480 JPEG photo": ([jpeg(photo_of(canvas, PHOTO, draw)) for canvas in canvases], 1000),
        "320 x 240 JPEG photo": ([jpeg(photo_of(canvas, SMALL_PHOTO, draw)) for canvas in canvases], 3000),
        "12-megapixel JPEG photo": ([jpeg(photo_of(canvas, CAMERA, draw)) for canvas in canvases[:LARGE]], 25000),
    }
    times: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        for kind, (files, _) in kinds.items():
            decoded = mean_us(lambda file: decode_picture(file, limits), files)
            times[kind].append((decoded, mean_us(lambda file: to_canvas(decode_picture(file, limits)), files)))
    table = Table("picture", "decoded, us", "canvas as well, us", "goal, us", title="bytes to canvas, processor time on one core, medians")
    for kind, (_, goal) in kinds.items():
        decoded, whole = (float(np.median([each[i] for each in times[kind]])) for i in (0, 1))
        table.add_row(kind, f"{decoded:.0f}", f"{whole:.0f}", f"{goal} {'✓' if whole <= goal else '✗'}" if goal else "")
    Console(highlight=False).print(table)


if __name__ == "__main__":
    main()
