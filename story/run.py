"""`python -m story.run`, or make story: pictures of a new source arrive at a served model, and it learns to read them.

Everything is real but the people: TorchServe answers traffic without a pause, keeps what drifts, stand-ins review it, and make's own
commands retrain, judge and promote. It prints a line for each chapter and ends at the first that does not hold, with the exit code 3.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import requests

from deploy.machine.java import JavaError
from deploy.rollback import RollbackError
from deploy.server import ROOT, Server, ServerError
from deploy.settings.server_flags import OPEN_TO_MODELS
from digitkit.collect.sample_store import StoreError
from promotion.errors import NotPromoted
from story.arrivals import usual_digits
from story.chapters import MODEL, SENT, CommandFailed, Story
from story.steady_clients import SteadyClients, splitting
from testbed.archives import alter
from testbed.command import EXIT_FAILED, ending
from testbed.exclusive import AlreadyRunning, exclusive
from testbed.pictures import DATA_ROOT

PORT: Final = 17_080  # of the separate server, which may run beside the one that make run started
USUAL: Final = SENT // 2  # of MNIST's digits, which come before the new source does, and beside it
COLLECT: Final = {"minute_pictures": 10_000}  # the shipped cap is made for days of traffic, and not for a story of minutes
FORESEEN: Final = (ServerError, JavaError, StoreError, RollbackError, NotPromoted, CommandFailed, AlreadyRunning, requests.RequestException)


def play(server: Server, flags: argparse.Namespace) -> bool:
    """Start a server and play the story on it; whether all of it holds."""
    server.start()
    with splitting(server) as address:
        url = f"{address}/predictions/{MODEL}"
        with SteadyClients(url, server.headers(), usual_digits(USUAL, np.random.default_rng(flags.seed), flags.data_root)) as traffic:
            story = Story(server, traffic, url, flags.weights, flags.out, flags.data_root, flags.seed)
            began = time.monotonic()
            for chapter in story.chapters():
                print(f"{time.monotonic() - began:>5.0f} s  {chapter.name:<9} {'✓' if chapter.held else '✗'} {chapter.told}", flush=True)
                if not chapter.held:
                    return False
    return True


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="story.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="the champion's")
    parser.add_argument("--archive", type=Path, default=ROOT / "model_store" / f"{MODEL}.mar", help="made of them, with its card beside it")
    parser.add_argument("--port", type=int, default=PORT, help="of the server that is started for it (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("runs/story"), help="what is made, emptied at the beginning (%(default)s)")
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT)
    parser.add_argument("--seed", type=int, default=0, help="of the pictures and of who is wrong (%(default)s)")
    flags = parser.parse_args(arguments)
    flags.weights, flags.out, flags.data_root = (path.absolute() for path in (flags.weights, flags.out, flags.data_root))
    with ending(parser.prog, *FORESEEN), exclusive(flags.out.with_suffix(".lock"), "the story"):
        shutil.rmtree(flags.out, ignore_errors=True)
        store = flags.out / "model_store"
        store.mkdir(parents=True)
        alter(flags.archive, store / flags.archive.name, config={"collect": COLLECT | {"store": str(flags.out / "collected")}})
        server = Server(flags.port, store, flags.out / "state", OPEN_TO_MODELS, (MODEL,))
        try:
            has_held = play(server, flags)
        finally:
            server.stop()
    sys.exit(0 if has_held else EXIT_FAILED)


if __name__ == "__main__":
    main()
