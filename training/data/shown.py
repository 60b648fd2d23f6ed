"""What files of pictures show a server: the canvas that its net reads of each, and the part of the data that each belongs to.

So that what is learned from is what is served, a file goes the worker's way here, by the rules and by the eye, as far as the canvas.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import torch

from digitkit.contract import Run
from digitkit.errors import DigitError
from digitkit.pictures.codec import decode_picture
from digitkit.pictures.eye import Eye
from digitkit.readers.digits import net
from digitkit.readers.digits.digit import Canvas, Prediction
from digitkit.readers.digits.recognise import Given, prepare, recognise
from digitkit.settings import Limits, Settings
from training.evaluate.served import MODEL_CONFIG, released_eye

HELD_OUT: Final = 2  # tenths of all pictures that are measured on and never trained on, the first ones
PART_PICTURES: Final = 256  # that are read together
PART_PIXELS: Final = 2**25  # of them, after which no further picture is opened: 32 MiB
ANY_SCORE: Final = 0.0  # which canvas is read does not depend on whether the answer is accepted


class Shown(NamedTuple):
    """What a picture shows.

    Attributes:
        canvas: that the server reads of it.
        tenth: of all pictures, the one that it belongs to, 0 to 9, whichever net is served.
        pixels: a hash of the decoded ones, which is the same for a picture saved as PNG and as BMP.
    """

    canvas: Canvas
    tenth: int
    pixels: bytes

    @property
    def is_held_out(self) -> bool:
        """Whether the picture is never trained on."""
        return self.tenth < HELD_OUT


class _Decoded(NamedTuple):
    """A picture on its way to what it shows."""

    given: Given
    pixels: bytes
    size: int


@dataclass(frozen=True, slots=True)
class CanvasReader:
    """Finds the canvas that a server with this net and this eye reads of each picture.

    A picture has up to three canvases, of which the net reads the likeliest (recognise.py): which one that is depends on the net. To learn
    from, it is the choice of the net that the training starts from, because that one is served, and because a net that chose its own
    examples while it learns could settle on wrong ones. To be measured or judged, each net reads the files by its own choice, as it would
    when served: training.finetune.right_as_served, training.judge.comparison.
    """

    run: Run
    eye: Eye
    limits: Limits

    @classmethod
    def of(cls, weights: Path) -> "CanvasReader":
        """By a weights file, with the eye and the limits that are shipped; raises CardError or SettingsError."""
        return cls.with_net(net.read(weights))

    @classmethod
    def with_net(cls, model: net.DigitNet) -> "CanvasReader":
        """By a net, as by its weights file."""
        return cls(net.as_run(model, torch.device("cpu")), released_eye(), Settings.read(MODEL_CONFIG).limits)

    def shown_in(self, files: Iterable[Path]) -> Iterator[Shown | DigitError | OSError]:
        """What each file shows, in order, or why it cannot be read; no more than a part's pictures are in memory at a time."""
        part: list[_Decoded | DigitError | OSError] = []
        pixels = 0
        for file in files:
            part.append(self._decoded(file))
            pixels += part[-1].size if isinstance(part[-1], _Decoded) else 0
            if len(part) == PART_PICTURES or pixels >= PART_PIXELS:
                yield from self._shown(part)
                part, pixels = [], 0
        yield from self._shown(part)

    def canvases(self, inputs: Sequence[Given]) -> list[Canvas | DigitError]:
        """The canvas that is read of each picture, or why it is refused. Of a canvas neither the net nor the eye is asked."""
        asked = recognise([given for given in inputs if given.picture is not None], self.run, self.eye, ANY_SCORE)
        read = iter([answer.canvas if isinstance(answer, Prediction) else answer for answer in asked])
        return [given.canvases[0] if given.picture is None else next(read) for given in inputs]

    def _decoded(self, file: Path) -> _Decoded | DigitError | OSError:
        try:
            picture = decode_picture(file.read_bytes(), self.limits)
            given = prepare(picture)
        except (DigitError, OSError) as err:
            return err
        return _Decoded(given, hashlib.sha256(repr(picture.shape).encode() + picture.tobytes()).digest(), picture.size)

    def _shown(self, part: Sequence[_Decoded | DigitError | OSError]) -> Iterator[Shown | DigitError | OSError]:
        canvases = iter(self.canvases([each.given for each in part if isinstance(each, _Decoded)]))
        for each in part:
            if isinstance(each, _Decoded):
                canvas = next(canvases)
                yield canvas if isinstance(canvas, DigitError) else Shown(canvas, tenth_of(each.given), each.pixels)
            else:
                yield each


def tenth_of(given: Given) -> int:
    """The tenth of all pictures that one belongs to, 0 to 9, by the hash of its first canvas.

    That is the rules' canvas, whichever is read, so that no picture moves into another part when another net or eye is served: what one
    net learned from, the next one would be measured on. Where the rules find none, the hash is of the picture itself.
    """
    first = given.canvases[0] if given.canvases else given.picture
    assert first is not None
    return hashlib.sha256(first.tobytes()).digest()[0] % 10
