"""The guard: whatever a step raises stays with its request, and what the log says of it is short and quotes no client."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from eyes import trusting
from numpy.typing import NDArray

from digitkit.errors import BadRequest, Fault, OutOfMemory
from digitkit.pictures.codec import encode_png
from digitkit.readers.digits import recognise
from digitkit.serving import opening, writing
from digitkit.serving.guard import CAUSES, TRACE_FRAMES, Guard
from digitkit.serving.request import Request, to_request

EXPLAIN = {"host": "here", "explain": "true"}
SECRET = "iVBORw0KGgoAAAANSUhEUgAAABwAAAAcCAAAAABXZoBI"  # how the base64 of a picture begins


class Mute(Exception):
    """An exception that cannot even say what it is."""

    def __str__(self) -> str:
        raise ValueError("no words")


FAULTS = [
    ZeroDivisionError("division by zero"),
    KeyError(SECRET),
    RecursionError(),
    TypeError(),
    Mute(),
    AssertionError(),
    OSError(28, "full"),
]


def raising(err: Exception, when: Callable[..., bool] = lambda *_: True, otherwise: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """A step that raises where `when` says so, and is `otherwise` elsewhere."""

    def step(*given: Any) -> Any:
        if when(*given):
            raise err
        assert otherwise is not None
        return otherwise(*given)

    return step


def test_a_step_that_works_gives_what_it_gives() -> None:
    assert Guard()(divmod, 7, 2) == (3, 1)


def test_a_refusal_is_itself_without_the_frames_that_hold_pictures() -> None:
    refusal = BadRequest("no")
    assert Guard()(raising(refusal)) is refusal
    assert refusal.__traceback__ is refusal.__context__ is None


@pytest.mark.parametrize("err", FAULTS, ids=lambda err: type(err).__name__)
def test_any_exception_becomes_a_fault_that_stands_in_the_log_under_its_name(err: Exception, caplog: pytest.LogCaptureFixture) -> None:
    fault = Guard()(raising(err))
    assert isinstance(fault, Fault)
    assert (fault.status, fault.type) == (500, "Fault")
    assert "this request alone" in str(fault) and "asking again gets it again" in str(fault)
    (record,) = caplog.records
    name = record.getMessage().split()[1].rstrip(":")
    assert name in str(fault)
    assert type(err).__name__ in record.getMessage()


@pytest.mark.parametrize("err", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")])
def test_short_memory_is_507_which_may_be_asked_again(err: Exception) -> None:
    refusal = Guard()(raising(err))
    assert isinstance(refusal, OutOfMemory)
    assert refusal.status == 507
    assert "send it again" in str(refusal)


def test_what_ends_a_process_is_let_through() -> None:
    def leave() -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        Guard()(leave)


def test_the_calls_are_logged_the_first_time_and_one_line_from_then_on(caplog: pytest.LogCaptureFixture) -> None:
    guard = Guard()
    faults = {str(guard(raising(ZeroDivisionError("division by zero")))) for _ in range(5)}
    lines = [record.getMessage().splitlines() for record in caplog.records]
    assert len(lines[0]) > 1
    assert "ZeroDivisionError: division by zero" in lines[0][0]
    assert [len(each) for each in lines[1:]] == [1] * 4
    assert len(faults) == 5  # each has a name of its own


def test_a_cause_is_logged_as_well_and_all_of_it_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    def deeper(depth: int) -> None:
        try:
            if depth == 0:
                raise LookupError("the cause")
            deeper(depth - 1)
        except LookupError as err:
            raise LookupError(f"after {depth}") from err

    def again(depth: int) -> None:
        if depth == 0:
            deeper(20)
        again(depth - 1)

    Guard()(again, 300)
    told = caplog.records[0].getMessage()
    assert "LookupError: after 19" in told and "LookupError: after 20" in told
    assert len(told.splitlines()) <= 1 + CAUSES * (1 + 3 * TRACE_FRAMES)


@pytest.mark.parametrize(
    "said", [SECRET, f"bad input {SECRET}", repr(b"\x89PNG\r\n\x1a\n" + bytes(200)), f"no '{SECRET}' here", "\n" * 99 + SECRET]
)
def test_what_a_client_sent_is_not_quoted_in_the_log(said: str, caplog: pytest.LogCaptureFixture) -> None:
    Guard()(raising(ValueError(said)))
    assert SECRET not in caplog.text.replace(repr(SECRET), "")
    assert "PNG" not in caplog.records[0].getMessage().partition("\n")[0]


@pytest.fixture
def ask(handler: Any, ten_pngs: list[bytes]) -> Callable[..., list[Any]]:
    """Answers, parsed and settled, to a 7, to a request between, and to a 2, by a handler that knows `ten_digits`."""

    def answers(between: Request) -> list[Any]:
        first, last = (to_request({"body": ten_pngs[digit]}, {"host": "here"}, {"body": ""}) for digit in (7, 2))
        answered = handler.answer([first, between, last])
        handler.settle()
        return [json.loads(answer.body) for answer in answered]

    return answers


def is_three(canvas: NDArray[np.uint8], ten_digits: NDArray[np.uint8]) -> bool:
    return bool((canvas == ten_digits[3]).all(axis=(-2, -1)).any())


@pytest.mark.parametrize("err", FAULTS, ids=lambda err: type(err).__name__)
@pytest.mark.parametrize("step", ["open_request", "open_file", "as_canvas", "run", "write_answer", "write_explanation", "explain"])
def test_whatever_a_step_raises_the_neighbours_are_answered(
    step: str, err: Exception, ask: Any, handler: Any, ten_digits: NDArray[np.uint8], ten_pngs: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    three = to_request({"body": ten_pngs[3]}, EXPLAIN if "expla" in step else {"host": "here"}, {"body": ""})
    module: Any = next((each for each in (recognise, opening, type(handler.reader), writing) if hasattr(each, step)), None)
    if step in ("run", "explain"):
        broken = raising(err, lambda canvases, *_: is_three(canvases, ten_digits), getattr(handler.loaded.backend, step))
        object.__setattr__(handler.loaded.backend, step, broken)
    else:
        by = {
            "open_request": lambda request, _: request is three,
            "open_file": lambda data, *_: data == ten_pngs[3],
            "as_canvas": lambda picture: is_three(picture, ten_digits),
            "write_answer": lambda question, *_: is_three(question.pictures[0].canvases[0], ten_digits),
            "write_explanation": lambda *_: True,
        }
        monkeypatch.setattr(module, step, staticmethod(raising(err, by[step], getattr(module, step))))
    first, between, last = ask(three)
    assert (first["digit"], last["digit"]) == (7, 2)
    assert (between["code"], between["type"]) == (500, "Fault")
    assert handler.metrics._errors[Fault] == 1


def test_a_picture_that_the_model_fails_at_costs_the_others_of_its_list_nothing(
    ask: Any, handler: Any, ten_digits: NDArray[np.uint8], ten_pngs: list[bytes]
) -> None:
    broken = raising(ValueError("NaN"), lambda canvases: is_three(canvases, ten_digits), handler.loaded.backend.run)
    object.__setattr__(handler.loaded.backend, "run", broken)
    row = {str(digit): ten_pngs[digit] for digit in range(10)}
    _, between, _ = ask(to_request(row, {"content-type": "multipart/form-data"}, dict.fromkeys(row, "image/png")))
    assert [answer.get("digit", answer.get("type")) for answer in between] == [0, 1, 2, "Fault", 4, 5, 6, 7, 8, 9]
    assert handler.metrics._errors[Fault] == 1


def test_a_picture_that_the_eye_fails_at_costs_no_other(ask: Any, handler: Any, ten_digits: NDArray[np.uint8]) -> None:
    object.__setattr__(handler.loaded, "eye", raising(ValueError("NaN"), lambda looks: looks.any(), trusting))
    page = encode_png(255 - np.pad(ten_digits[3], 20))
    _, between, _ = ask(to_request({"body": page}, {"host": "here"}, {"body": ""}))
    assert (between["code"], between["type"]) == (500, "Fault")
    assert handler.metrics._errors[Fault] == 1


def test_a_model_that_does_not_run_at_all_is_the_fault_of_no_request(ask: Any, handler: Any) -> None:
    object.__setattr__(handler.loaded.backend, "run", raising(RuntimeError("the model is broken")))
    with pytest.raises(RuntimeError, match="the model is broken"):
        ask(to_request({"body": b""}, {"host": "here"}, {}))


@pytest.mark.parametrize("err", FAULTS, ids=lambda err: type(err).__name__)
def test_counting_costs_no_answer(
    err: Exception, ask: Any, handler: Any, ten_digits: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(handler.metrics, "record", raising(err))
    monkeypatch.setattr(handler.metrics, "refuse", raising(err))
    png = encode_png(ten_digits[3])
    first, between, last = ask(to_request({"body": png}, EXPLAIN | {"x-target": "x"}, {"body": ""}))
    assert (first["digit"], between["code"], last["digit"]) == (7, 400, 2)
    assert len(caplog.records) == 2


def test_a_request_whose_parameters_could_not_be_read_is_told_why(ask: Any) -> None:
    first, between, last = ask(Request({}, {"host": "here"}, {}, is_grpc=False, refusal=Fault("unforeseen")))
    assert (first["digit"], between["message"], last["digit"]) == (7, "unforeseen", 2)
