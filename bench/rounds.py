"""Measure every target at every number of connections, round after round.

Each round starts every server again: an idle server would hold memory and wake up now and then, a machine that slows down
affects all targets of a round, and two starts of the same Java server differ by more than two loads of one.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import requests

from bench.contenders.service import REQUEST_TIMEOUT_S, Running, Service, TargetError
from bench.contenders.targets import Target
from bench.generators.exchange import CheckedRequest, digits_in, post, write_requests
from bench.generators.wrk_or_driver import LoadResult, with_driver
from bench.model_speed import speeds
from deploy.asking import ask
from deploy.machine.local import client
from digitkit.contract import Run
from testbed.endpoints import NPY, PNG, encode_npy, pixels
from testbed.pictures import LabelledPicture
from testbed.processes import cpu_seconds, memory_mb

LEAST_ACCURACY = 0.9  # below this, a target decodes or scales the pictures wrongly: the released weights read 99.6 %
# After a start, until the JVM has compiled the code that is called most: processor time for a request to digits_onnx fell from 830 us in
# the first second of such a load to 300 in the sixth, and stayed there.
WARM_S = 6.0
WARM_CONNECTIONS = 64
CHECK_S = 0.5  # of the bundled driver before every load and with as many connections: it knows which request an answer belongs to
OVERLOADED = 0.01  # share of refused requests from which on p99 is the latency of a refusal
BARE = "bare"
BARE_BATCHES = (1, 32, 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRow:
    """The result of a target at one number of connections (for the bare model, the size of the batch) in one round.

    Attributes:
        workers: the number that the target's server was told to have; 0 leaves the choice to the server.
        answers_s: right answers a second.
        pictures_s: pictures a second in right answers.
        refused: share of the requests that were refused, 0 to 1.
        cpu_us: processor time of all of the server's processes for each right answer.
        memory_mb: of all of the server's processes after the load, as PSS.
        start_s: seconds from the start command to the first right answer.
        accuracy: the share of single pictures that are read correctly one by one, 0 to 1.
    """

    round: int
    target: str
    workers: int
    connections: int
    answers_s: float
    pictures_s: float
    p50_ms: float
    p99_ms: float
    refused: float = 0.0
    cpu_us: float = 0.0
    memory_mb: float = 0.0
    start_s: float = 0.0
    accuracy: float = 0.0

    @property
    def is_overloaded(self) -> bool:
        """Whether so many requests were refused that the latencies are mostly those of refusals."""
        return self.refused > OVERLOADED


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPlan:
    """How a run measures.

    Attributes:
        pictures: test pictures; every server is sent all of them one by one before any load.
        connections: the numbers at which the targets are loaded.
        seconds: of each load.
        port: on which every server is started in turn.
        drive: the load generator.
    """

    pictures: Sequence[LabelledPicture]
    connections: tuple[int, ...]
    seconds: float
    port: int
    drive: Callable[[Path, int, int, float], LoadResult]


def measure_bare(run: Run, round_number: int, plan: RoundPlan) -> list[RoundRow]:
    """The bare model on one thread: a row for each size of a batch."""
    canvases = np.stack([pixels(picture.png) for picture in plan.pictures])
    rows = []
    for batch in BARE_BATCHES:
        speed = speeds({BARE: run}, canvases, batch)[BARE]
        latencies = {"p50_ms": speed.median_us / 1e3, "p99_ms": speed.p99_us / 1e3}
        rate = {"answers_s": speed.pictures_s / batch, "pictures_s": speed.pictures_s}
        rows.append(RoundRow(round=round_number, target=BARE, workers=0, connections=batch, **rate, **latencies))
    return rows


def measure_service(service: Service, targets: Mapping[str, Target], round_number: int, plan: RoundPlan) -> Iterator[RoundRow]:
    """Start a server, check it, and load each of its targets, given by name; yields rows as they are measured.

    Raises:
        TargetError: it does not start, or gives a wrong answer.
    """
    with tempfile.TemporaryDirectory() as scratch, service.start(plan.port, plan.pictures[0]) as running:
        digits = digits_alone(running, service.path, plan.pictures)
        right = sum(digit == str(picture.label) for digit, picture in zip(digits, plan.pictures, strict=True))
        accuracy = right / len(plan.pictures)
        if accuracy < LEAST_ACCURACY:
            raise TargetError(f"it reads {right} of {len(plan.pictures)} pictures correctly; at least {LEAST_ACCURACY:.0%} are needed")
        warm_up = Path(scratch, "warm-up")
        write_requests(warm_up, requests_of(Target(service.name), service, running, plan.pictures, digits))
        checked(plan.drive(warm_up, running.port, WARM_CONNECTIONS, WARM_S))
        for name, target in targets.items():
            requests_file = Path(scratch, name)
            write_requests(requests_file, requests_of(target, service, running, plan.pictures, digits))
            for connections in target.connections or plan.connections:
                load, cpu_s = loaded(requests_file, running, connections, plan)
                yield RoundRow(
                    round=round_number, target=name, workers=service.workers, connections=connections,
                    answers_s=load.answers_s, pictures_s=load.answers_s * target.pictures,
                    p50_ms=load.p50_ms, p99_ms=load.p99_ms, refused=load.refused_share, cpu_us=1e6 * cpu_s / max(1, load.right),
                    memory_mb=memory_mb(running.pid), start_s=running.start_s, accuracy=accuracy,
                )  # fmt: skip


def loaded(requests_file: Path, running: Running, connections: int, plan: RoundPlan) -> tuple[LoadResult, float]:
    """A load in which every answer was checked, and the processor seconds that the server used for it."""
    try:
        checked(with_driver(requests_file, running.port, connections, CHECK_S))
        before = cpu_seconds(running.pid)
        load = checked(plan.drive(requests_file, running.port, connections, plan.seconds))
        return load, cpu_seconds(running.pid) - before
    except TargetError as err:
        raise TargetError(f"at {connections} connections {err}") from err


def checked(load: LoadResult) -> LoadResult:
    """The load; raises TargetError if an answer was wrong, or none was right."""
    if load.wrong:
        raise TargetError(f"{load.wrong:,} of {load.right + load.wrong:,} answers name digits of other requests")
    if not load.right:
        raise TargetError(f"no request was answered, {load.refused:,} were refused")
    return load


def digits_alone(running: Running, path: str, pictures: Sequence[LabelledPicture]) -> list[str]:
    """The digit that a server reads in each picture while it is idle.

    Raises:
        TargetError: a status other than 200, or an answer without a digit.
    """
    url, digits = f"http://127.0.0.1:{running.port}{path}", []
    with client() as session:
        for picture in pictures:
            try:
                answer = ask(url, picture.png, headers=running.headers, timeout_s=REQUEST_TIMEOUT_S, session=session)
            except requests.RequestException as err:
                raise TargetError(f"it does not answer a single picture ({type(err).__name__})") from err
            digit = digits_in(answer.content, 1)
            if answer.status_code != 200 or not digit:
                raise TargetError(f"it answers a single picture with {answer.status_code} {answer.text[:200]}")
            digits.append(digit)
    return digits


def requests_of(
    target: Target, service: Service, running: Running, pictures: Sequence[LabelledPicture], digits: Sequence[str]
) -> list[CheckedRequest]:
    """The requests that a target is loaded with, and the digits that the server read in their pictures one by one."""
    path = target.path or service.path
    if not target.pictures:
        return [CheckedRequest(post(path, b"", running.headers), "")]
    if target.pictures == 1:
        headers = {**running.headers, "Content-Type": PNG}
        return [CheckedRequest(post(path, picture.png, headers), digit) for picture, digit in zip(pictures, digits, strict=True)]
    chosen = [i % len(pictures) for i in range(target.pictures)]
    headers = {**running.headers, "Content-Type": NPY}
    body = encode_npy([pictures[i].png for i in chosen])
    return [CheckedRequest(post(path, body, headers), "".join(digits[i] for i in chosen))]
