"""What a reader is: everything that a task needs, from a grey picture to the words of its answer.

Serving knows requests, pictures and the forms of answers. What is read in a picture and what an answer says of it, a reader knows
alone. There is one for each task, as READER in readers/TASK/reader.py; the card of a model says which task it is for.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from digitkit.contract import Picture
from digitkit.counting.drift import Reference
from digitkit.errors import DigitError
from digitkit.pictures.allowance import Allowance
from digitkit.settings import Limits, Settings

# Types of a reader's own, which pass through serving untouched.
File: TypeAlias = Any  # what a file's bytes become: a picture, or what else the reader knows to read
Input: TypeAlias = Any  # what the model takes of one picture
Result: TypeAlias = Any  # what was read in it
Known: TypeAlias = Any  # what is known of a picture's content beforehand
Target: TypeAlias = Any  # what an explanation is asked to be about
Explanation: TypeAlias = Any


class Observation(NamedTuple):
    """What a result says, in words that all tasks share: for whoever keeps results, and knows no task.

    Attributes:
        picture: that was read.
        label: what was read, as a text.
        confidence: of it, 0 to 1.
        accepted: whether the answer is.
        reason: why it is not, else "".
        logits: of the model, (N,), None where there is no one row of them for a picture.
    """

    picture: Picture
    label: str
    confidence: float
    accepted: bool
    reason: str
    logits: NDArray[np.float32] | None = None


Tell: TypeAlias = Callable[[str, float, float], None]  # the name of a net, and from when until when it ran, by time.perf_counter()
AnyNet = TypeVar("AnyNet", bound=Callable[..., Any])
Series: TypeAlias = tuple[str, str, float]  # a metric's name without "digits_", its labels as "digit:7", its value


class Hints(NamedTuple):
    """What a request says of a picture beforehand, in the reader's words, and "" of what it says nothing.

    Each is a header of a request, as X-Format, a field of an instance of V1 and a parameter of V2, as "format".
    """

    format: str = ""
    template: str = ""
    page: str = ""
    sum: str = ""
    words: str = ""


NO_HINTS: Final = Hints()


def timed(name: str, net: AnyNet, tell: Tell) -> AnyNet:
    """A net that tells from when until when each of its calls ran."""

    def call(*given: Any) -> Any:
        started = time.perf_counter()
        try:
            return net(*given)
        finally:
            tell(name, started, time.perf_counter())

    return cast(AnyNet, call)


class Statistics(Protocol):
    """What a reader counts of its results. Metrics calls it under a lock, and every method is short."""

    @property
    def has_reference(self) -> bool:
        """Whether the card holds what drift is measured against."""

    def add(self, read: Sequence[tuple[Input, Result]]) -> None:
        """Count the results of a batch, each with the input that it was read from."""

    def drain(self) -> Iterable[Series]:
        """The counters since the last time, all of which start anew at 0."""

    def gauges(self) -> Iterable[Series]:
        """What is known of the pictures up to the last drain."""

    def has_drifted(self, result: Result, /) -> bool:
        """Whether a result is of a kind that comes much more often now than in the reference; it takes microseconds, from any thread."""


class Recogniser(Protocol):
    """A loaded model."""

    @property
    def place(self) -> str:
        """The device or the provider that it runs on."""

    @property
    def method(self) -> str:
        """How it explains."""

    def read(self, inputs: Sequence[Input], deadline: float, /) -> Sequence[Result | DigitError]:
        """The result of each input, in order, or the DigitError that refuses it; no inputs, no call of the model.

        Args:
            deadline: by time.perf_counter(). A reader that takes longer for an input than 0.1 ms refuses the rest after it.
        """

    def watched(self, tell: Tell) -> "Recogniser":
        """The same model, which tells of each call of each of its nets."""

    def try_out(self) -> None:
        """Run the model on an empty input; raises what it raises where it does not run at all."""

    def explain(self, given: Input, result: Result, target: Target) -> Explanation:
        """Why an input was read as it was."""


class Reader(Protocol):
    """A task. It holds no model: what it says of a refused request, it says where none could be loaded, too."""

    def load(self, weights: Path, settings: Settings, gpu: int | None) -> Recogniser:
        """The model in a file whose card has been checked.

        Args:
            gpu: that TorchServe assigned to this worker, None for none.
        Raises:
            DeviceError: the device that the settings ask for is not there.
            ValueError: the file holds no model of this task.
        """

    def parse_hints(self, hints: Hints) -> Known:
        """What a request says is known of a picture's content beforehand; raises BadRequest.

        A reader of what has one form alone takes no notice of it.
        """

    def open_file(self, data: bytes | bytearray, limits: Limits, allowance: Allowance, /) -> File:
        """What a file's bytes become, a grey picture where the reader knows nothing else; raises the DigitError that refuses them.

        Args:
            allowance: of the request that the file is one of.
        """

    def prepare(self, file: File, known: Known, /) -> Input:
        """What the model takes of a grey picture, or of a file, of which this is known; raises the DigitError that refuses it."""

    def prepare_at_once(self, pictures: NDArray[np.uint8]) -> Sequence[Input | None]:
        """What the model takes of each of (N, H, W) that needs no preparing, and None for those that `prepare` is to be given."""

    def parse_target(self, text: str) -> Target:
        """What a request asks to have explained, "" where it does not say; raises BadRequest."""

    def to_json(self, result: Result, /) -> str:
        """A result as the text of a JSON object."""

    @property
    def media(self) -> Mapping[str, Callable[[Result], bytes]]:
        """By media type, what writes a single result in another form than JSON; text/plain is among them."""

    def to_tensors(self, results: Sequence[Result | None], /) -> list[dict[str, Any]]:
        """Results as the output tensors of the Open Inference Protocol, a refused picture being None."""

    def explanation_object(self, explanation: Explanation, /) -> dict[str, Any]:
        """An explanation as a JSON object."""

    def explanation_png(self, explanation: Explanation, /) -> bytes:
        """An explanation as a picture."""

    def statistics(self, reference: Reference) -> Statistics:
        """What a worker counts of its results, against the reference of its card, which may be empty."""

    def observe(self, given: Input, result: Result, /) -> Observation | None:
        """What a result says, and of which picture, None where it is not of one picture; it takes a microsecond."""
