"""Whatever a step of a request raises becomes that request's own answer, and costs its neighbours in the batch nothing.

TorchServe fails a whole batch for one exception: 64 requests would be told 503, which asks them to come again, and the one that is
to blame would come again with them. So every step of a request runs under a guard. What is refused on purpose raises a DigitError;
the guard is the net below that for what nobody foresaw, and tests/serving/test_fuzz.py looks for what falls into it.
"""

import logging
import re
import secrets
import traceback
from collections.abc import Callable
from typing import Any, Final, TypeVar

from digitkit.errors import DigitError, Fault, OutOfMemory

Result = TypeVar("Result")

TRACE_FRAMES: Final = 8  # of the calls that led to an exception, the innermost ones
CAUSES: Final = 3  # exceptions that are told of one fault: itself, its cause, and that one's
# What an exception says, up to the first character or long word that may be a quotation of what the client sent.
SAID: Final = re.compile(r"(?:[\w.,:;()/-]{1,30}(?: |$)){0,30}", re.ASCII)

log = logging.getLogger(__name__)


class Guard:
    """Runs the steps of requests. A worker has one, which knows the faults that stand in its log already."""

    def __init__(self) -> None:
        self._logged: set[tuple[type[Exception], str]] = set()

    def __call__(self, step: Callable[..., Result], *given: Any) -> Result | DigitError:
        """What a step makes of what it is given; or why that is refused, as a Fault where nobody foresaw it."""
        try:
            return step(*given)
        except DigitError as err:
            return err.alone()
        except Exception as err:  # the one place that catches everything: here a mistake of ours is kept from the neighbours
            return self._fault(err)

    def _fault(self, err: Exception) -> DigitError:
        """The refusal that tells of an exception. It is logged in one line, and with its calls the first time that it is met."""
        name, place = secrets.token_hex(4), place_of(err)
        met = (type(err), place)
        calls = "" if met in self._logged else f"\n{calls_of(err)}"
        self._logged.add(met)
        log.error("fault %s: %s at %s%s", name, what_of(err), place, calls)
        if is_out_of_memory(err):
            return OutOfMemory(f"the worker's memory did not suffice for this request, fault {name} in the server's log; send it again")
        return Fault(f"an unforeseen fault of the server, fault {name} in its log, for this request alone; asking again gets it again")


def is_out_of_memory(err: Exception) -> bool:
    """Whether an exception says that memory is short, the processor's or the GPU's: that passes, where other faults stay."""
    return isinstance(err, MemoryError) or "CUDA out of memory" in "".join(traceback.format_exception_only(err))


def what_of(err: BaseException) -> str:
    """The kind of an exception, and what it says without quotations: no part of a picture stands in a log."""
    found = SAID.match("".join(traceback.format_exception_only(err)).partition(": ")[2])
    said = found.group().strip() if found else ""
    return f"{type(err).__name__}: {said}" if said else type(err).__name__


def place_of(err: BaseException) -> str:
    """The line that raised an exception."""
    return "".join(f"{call.filename}:{call.lineno} in {call.name}" for call in traceback.extract_tb(err.__traceback__, limit=-1))


def calls_of(err: BaseException) -> str:
    """The calls that led to an exception and to its causes, the innermost of each last."""
    told: list[str] = []
    cause: BaseException | None = err
    for _ in range(CAUSES):
        if cause is not None:
            calls = traceback.format_tb(cause.__traceback__, limit=-TRACE_FRAMES)
            told = [*"".join(calls).splitlines(), what_of(cause), *told]
            cause = cause.__cause__ or cause.__context__
    return "\n".join(told)
