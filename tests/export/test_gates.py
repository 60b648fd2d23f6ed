"""The gates of export: what differs from the weights is not published, and the message says by how much."""

import numpy as np
import pytest
from numpy.typing import NDArray

from digitkit.contract import Run
from export.errors import ExportError
from export.forms import ONNX
from export.gates import BATCHES, check, made_up
from training.data import mnist

EXACT = ONNX["float32"].gate
LOSSY = ONNX["int8"].gate


@pytest.fixture(scope="module")
def test() -> mnist.Split:
    pictures = np.zeros((10_000, 28, 28), dtype=np.uint8)
    pictures[:, 0, 0] = 77  # no made-up canvas has it at both places
    pictures[:, 0, 1] = np.arange(10_000) % 10
    pictures[:, 0, 2], pictures[:, 0, 3] = np.arange(10_000) // 100, np.arange(10_000) % 100
    return mnist.Split(pictures, np.arange(10_000) % 10)


def reader(wrong: int = 0, shift: float = 0.0) -> Run:
    """A Run that reads those pictures right but for the first `wrong`, and is `shift` off on canvases that it does not know."""

    def run(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        known = (canvases[:, 0, 0] == 77) & (canvases[:, 5, 5] == 0)
        number = canvases[:, 0, 2].astype(np.int64) * 100 + canvases[:, 0, 3]
        digits = (canvases[:, 0, 1] + (known & (number < wrong))) % 10
        logits = 10 * np.eye(10, dtype=np.float32)[digits]
        logits[~known] += np.float32(shift)
        return logits

    return run


def test_the_same_answers_pass(test: mnist.Split, capsys: pytest.CaptureFixture[str]) -> None:
    check("a graph", reader(), reader(), test=test, gate=EXACT)
    assert capsys.readouterr().out == "a graph: 0 of 10,000 answers differ, +0.00 points lost, logits by at most 0.0e+00\n"


def test_one_other_answer_of_ten_thousand_is_one_too_many_for_float32(test: mnist.Split) -> None:
    with pytest.raises(ExportError, match="answers 1 of 10,000 test digits differently"):
        check("a graph", reader(wrong=1), reader(), test=test, gate=EXACT)


def test_a_lossy_form_may_lose_five_hundredths_of_a_point_and_no_more(test: mnist.Split) -> None:
    check("a graph", reader(wrong=5), reader(), test=test, gate=LOSSY)
    with pytest.raises(ExportError, match=r"loses 0\.06 points of accuracy on 10,000 test digits; 0\.05 are allowed"):
        check("a graph", reader(wrong=6), reader(), test=test, gate=LOSSY)


@pytest.mark.parametrize("shift", [0.1, float("nan")])
def test_other_logits_on_made_up_canvases_fail_though_every_digit_is_read(shift: float, test: mnist.Split) -> None:
    with pytest.raises(ExportError, match="of the largest logit on made-up canvases; 1e-04 is allowed"):
        check("a graph", reader(shift=shift), reader(), test=test, gate=EXACT)


def test_a_model_that_cannot_take_no_canvases_fails(test: mnist.Split) -> None:
    def run(canvases: NDArray[np.uint8]) -> NDArray[np.float32]:
        return reader()(canvases) if len(canvases) else np.zeros((1, 10), dtype=np.float32)

    with pytest.raises(ExportError, match="answers 0 canvases with float32"):
        check("a graph", run, reader(), test=test, gate=EXACT)


@pytest.mark.parametrize("size", BATCHES)
def test_made_up_canvases_are_random_extreme_and_of_one_grey(size: int) -> None:
    greys, extreme, equal = made_up(size)
    assert greys.shape == extreme.shape == equal.shape == (size, 28, 28)
    assert {array.dtype for array in (greys, extreme, equal)} == {np.dtype(np.uint8)}
    assert set(np.unique(extreme)) <= {0, 255}
    assert all(len(np.unique(canvas)) == 1 for canvas in equal)
