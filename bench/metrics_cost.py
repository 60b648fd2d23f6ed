"""What a worker's metrics cost: `python -m bench.metrics_cost`, with wrk against two servers in turn.

Both serve the archives of the model store; in one of them nothing is recorded. Only their ratio counts, the median over rounds.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from chaos.command import ending
from deploy.server import DEFAULT_PORT, MODELS, ROOT, Server, ServerError
from digitkit.card import check_card, facts, write_card
from loadtest.pictures import DATA_ROOT, load_pictures
from loadtest.settings import positive

APART = 100  # ports between the two servers
SILENCED = "\nMetrics.record = lambda self, *batch: None  # type: ignore\n"


def silence(archive: Path, copy: Path) -> None:
    """A copy of an archive, with its card, whose workers record nothing."""
    with zipfile.ZipFile(archive) as given, zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as written:
        for name in given.namelist():
            written.writestr(name, given.read(name) + (SILENCED.encode() if name == "digitkit/metrics.py" else b""))
    write_card(copy, **facts(check_card(archive)))


def requests_per_s(server: Server, model: str, picture: Path, *, connections: int, seconds: int) -> float:
    """What wrk counts against one model; raises ServerError where an answer was no 200."""
    script = picture.with_name(f"{server.port}.lua")
    script.write_text(
        f'wrk.method = "POST"\nwrk.headers["Authorization"] = "Bearer {server.token()}"\n'
        f'local file = io.open("{picture}", "rb")\nwrk.body = file:read("*a")\n'
    )
    url = f"{server.inference}/predictions/{model}"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in printed:
        raise ServerError(f"wrk counted answers that are no 200: {printed}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    assert found is not None
    return float(found[1])


def compare(measure: Callable[[Server], float], counting: Server, silent: Server, rounds: int) -> list[float]:
    """The throughput with metrics as a share of that without, round by round, each begun by the other one."""
    ratios = []
    for number in range(rounds):
        rates = {server.port: measure(server) for server in ((counting, silent) if number % 2 else (silent, counting))}
        ratios.append(rates[counting.port] / rates[silent.port])
        print(f"{number + 1:>5} {rates[silent.port]:>9,.0f} {rates[counting.port]:>9,.0f} {ratios[-1]:>8.3f}", flush=True)
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.metrics_cost", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT + 1000)
    parser.add_argument("--model", default=MODELS[1], choices=MODELS)
    parser.add_argument("--connections", type=positive, default="64")
    parser.add_argument("--seconds", type=positive, default="5", help="of each measurement; two a round")
    parser.add_argument("--rounds", type=positive, default="9")
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT)
    flags = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit(f"{parser.prog}: wrk is not installed; apt-get install wrk")
    with ending(parser.prog), tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        store.mkdir()
        servers = [Server(flags.port, state=Path(folder)), Server(flags.port + APART, store, Path(folder))]
        try:
            for name in MODELS:
                silence(ROOT / "model_store" / f"{name}.mar", store / f"{name}.mar")
            picture = Path(folder) / "digit.png"
            picture.write_bytes(load_pictures(flags.data_root, 1)[0].png)
            measure = partial(requests_per_s, model=flags.model, picture=picture, connections=flags.connections, seconds=flags.seconds)
            for server in servers:
                server.start()
            for server in servers:
                measure(server)  # Java compiles what is called often
            print(f"{'round':>5} {'without':>9} {'with':>9} {'ratio':>8}   requests/s, {flags.model}, {flags.connections} connections")
            ratios = compare(measure, servers[0], servers[1], flags.rounds)
        finally:
            for server in servers:
                server.stop()
    print(f"median {statistics.median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f}")


if __name__ == "__main__":
    main()
