"""What the client costs: `python -m bench.client_speed` sends 1,000 pictures by read_many and by the bench's own driver, side by side.

The driver sends lists that were encoded beforehand, as fast as its connections allow, and so shows what the server can do. The client
encodes each picture, cuts the lists and hands out the answers. Turns are interleaved, and a ratio is taken within a round.

Exit code 0: every goal is reached. 1: the server does not start or answers wrong. 3: a goal is missed.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.contenders.service import Running, TargetError
from bench.contenders.targets import MAIN, STORE
from bench.contenders.torchserve import torchserve
from bench.generators.exchange import CheckedRequest, post, write_requests
from bench.generators.wrk_or_driver import LoadError, with_driver
from bench.rounds import WARM_CONNECTIONS, WARM_S
from deploy.machine.java import JavaError
from deploy.server import ServerError
from digits_client import Client, Digit, Options
from testbed.command import EXIT_FAILED, ending
from testbed.endpoints import NPY, encode_form, encode_npy, pixels, predict_path
from testbed.flags import positive
from testbed.pictures import DATA_ROOT, LabelledPicture, load_pictures

PICTURES = 1000
OPTIONS = Options(model=MAIN)
LEAST_RATIO, MOST_IMPORT_MS = 0.9, 150.0
IMPORTS = 9  # the fastest counts: the others waited for the disk or for another process
FORMS = ("arrays", "files")


@dataclass(slots=True)
class ClientTurns:
    """What was measured of one form of pictures, an entry for each round.

    Attributes:
        driver, client: pictures a second.
        cpu_ms: processor time of the client for the 1,000 pictures.
    """

    driver: list[float] = field(default_factory=list)
    client: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        return [ours / bench for ours, bench in zip(self.client, self.driver, strict=True)]


def list_requests(form: str, running: Running, pictures: Sequence[LabelledPicture], digits: str) -> list[CheckedRequest]:
    """The lists that the client sends, for the driver: all that are whole, with the digits that the server reads in them."""
    requests, size = [], OPTIONS.list_pictures
    for start in range(0, len(pictures) - size + 1, size):
        pngs = [picture.png for picture in pictures[start : start + size]]
        body, kind = (encode_npy(pngs), NPY) if form == "arrays" else encode_form(pngs)
        headers = {**running.headers, "Content-Type": kind}
        requests.append(CheckedRequest(post(predict_path(MAIN), body, headers), digits[start : start + size]))
    return requests


def ask_client(client: Client, form: str, pictures: Sequence[LabelledPicture]) -> tuple[str, float, float]:
    """The digits that the client tells of all pictures, and its wall-clock and processor time in seconds.

    Raises:
        TargetError: a picture was refused.
    """
    given = [pixels(picture.png) if form == "arrays" else picture.png for picture in pictures]
    wall, cpu = time.perf_counter(), time.process_time()
    answers = list(client.read_many(given))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    read = [answer.digit for answer in answers if isinstance(answer, Digit)]
    if len(read) != len(pictures):
        raise TargetError(f"{len(read)} of {len(pictures)} pictures were read")
    return "".join(map(str, read)), wall, cpu


def ask_for(client: Client, form: str, pictures: Sequence[LabelledPicture], seconds: float, turn: ClientTurns) -> set[str]:
    """Read all pictures again and again for at least that long, and note the rate and the cost; returns what was read."""
    told, walls, cpus = set(), 0.0, []
    while walls < seconds:
        digits, wall, cpu = ask_client(client, form, pictures)
        told.add(digits)
        walls += wall
        cpus.append(cpu)
    turn.client.append(len(pictures) * len(cpus) / walls)
    turn.cpu_ms.append(1e3 * statistics.median(cpus))
    return told


def measure(port: int, rounds: int, seconds: int, pictures: Sequence[LabelledPicture]) -> dict[str, ClientTurns]:
    """The turns of both forms on a server that is started for them; raises TargetError, LoadError."""
    turns = {form: ClientTurns() for form in FORMS}
    with tempfile.TemporaryDirectory() as scratch, torchserve(MAIN, STORE / f"{MAIN}.mar", 1).start(port, pictures[0]) as running:
        token = running.headers.get("Authorization", "").removeprefix("Bearer ")
        with Client(f"http://127.0.0.1:{port}", token, options=OPTIONS) as client:
            digits, _, _ = ask_client(client, FORMS[0], pictures)
            files = {form: Path(scratch, form) for form in FORMS}
            for form, file in files.items():
                write_requests(file, list_requests(form, running, pictures, digits))
                with_driver(file, port, WARM_CONNECTIONS, WARM_S)
            for number in range(rounds):
                for form, turn in turns.items():
                    load = with_driver(files[form], port, OPTIONS.lists_in_flight, seconds)
                    turn.driver.append(load.answers_s * OPTIONS.list_pictures)
                    told = ask_for(client, form, pictures, seconds, turn)
                    if load.wrong or told != {digits}:
                        raise TargetError("a picture was read otherwise than before")
                    print(f"round {number + 1}, {form}: {turn.ratios[-1]:.2f}", file=sys.stderr, flush=True)
    return turns


def import_ms() -> float:
    """How long `import digits_client` takes in a new Python, as -X importtime tells it."""
    command = [sys.executable, "-X", "importtime", "-c", "import digits_client"]
    told = [subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()[-1] for _ in range(IMPORTS)]
    return min(int(line.split("|")[1]) for line in told) / 1e3


def show(turns: Mapping[str, ClientTurns], imported_ms: float) -> bool:
    """Print the table; returns whether every goal is reached."""
    table = Table("", "driver, pictures/s", "client", "ratio: median (lowest to highest)", "client's processor time for 1,000", "goal")
    reached = imported_ms <= MOST_IMPORT_MS
    for form, turn in turns.items():
        ratio = statistics.median(turn.ratios)
        reached &= ratio >= LEAST_RATIO
        table.add_row(
            form,
            f"{statistics.median(turn.driver):,.0f}",
            f"{statistics.median(turn.client):,.0f}",
            f"{ratio:.2f} ({min(turn.ratios):.2f} to {max(turn.ratios):.2f})",
            f"{statistics.median(turn.cpu_ms):.0f} ms",
            f"{LEAST_RATIO}: {'reached' if ratio >= LEAST_RATIO else 'missed'}",
        )
    Console().print(table)
    verdict = "reached" if imported_ms <= MOST_IMPORT_MS else "missed"
    print(f"import digits_client: {imported_ms:.0f} ms; goal {MOST_IMPORT_MS:.0f} ms: {verdict}")
    return reached


def main() -> int:
    """Measure, and return the exit code."""
    parser = argparse.ArgumentParser(prog="bench.client_speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=positive, default="7", help="of both forms by both")
    parser.add_argument("--seconds", type=positive, default="2", help="of each load of the driver")
    parser.add_argument("--port", type=positive, default="18480", help="of the server")
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT, help="the folder that holds MNIST/raw")
    flags = parser.parse_args()
    try:
        turns = measure(flags.port, flags.rounds, flags.seconds, load_pictures(flags.data_root, PICTURES))
    except (TargetError, LoadError) as err:
        print(f"bench: {err}", file=sys.stderr)
        return 1
    return 0 if show(turns, import_ms()) else EXIT_FAILED


if __name__ == "__main__":
    with ending("bench", ServerError, JavaError):
        sys.exit(main())
