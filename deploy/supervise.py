"""A supervisor for machines without systemd: `python -m deploy.supervise` restarts the server whenever it ends.

TorchServe restarts workers that die, but nothing restarts its frontend, the Java process: when it is killed, no model is served any
more. Its launcher then ends with 0, as if nothing were wrong, so a supervisor has to restart whatever the exit code. In production
use deploy/systemd/digits.service, or the restart policy of the container.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

from deploy.machine.java import JavaError
from deploy.machine.surroundings import find_public_key
from deploy.server import Server, ServerError
from deploy.settings.server_flags import add_server_flags

POLL_S = 0.1
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0  # between two starts; doubled after each that failed


def supervise(server: Server, ended: threading.Event) -> None:
    """Start `server`, and again whenever it ends, until `ended` is set; then stop it.

    Raises:
        ServerError, JavaError, OSError: the first start failed, which points to a mistake in the settings that no restart corrects.
    """
    process = server.start()
    while True:
        while process.poll() is None and not ended.wait(POLL_S):
            pass
        if ended.is_set():
            server.stop()
            process.wait()
            return
        print(f"the server on port {server.port} ended with {process.returncode}: restarting it", flush=True)
        _clear(process.pid)
        again = _start_again(server, ended)
        if again is None:
            return
        process = again


def _start_again(server: Server, ended: threading.Event) -> "subprocess.Popen[bytes] | None":
    pause = FIRST_PAUSE_S
    while not ended.wait(pause):
        try:
            return server.start()
        except (ServerError, JavaError, OSError) as err:  # for example because the disk is full for a while
            print(f"{err}; trying again", file=sys.stderr, flush=True)
            pause = min(2 * pause, LONGEST_PAUSE_S)
    return None


def _clear(launcher: int) -> None:
    """Kill the launcher's process group: workers may be left without a frontend, or a frontend without its launcher."""
    with suppress(ProcessLookupError):
        os.killpg(launcher, signal.SIGKILL)


def main() -> None:
    parser = argparse.ArgumentParser(prog="deploy.supervise", description=__doc__)
    add_server_flags(parser)
    flags = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        supervise(Server(flags.port, models=flags.models, public_key=find_public_key()), ended)
    except (ServerError, JavaError, OSError) as err:
        sys.exit(f"{parser.prog}: {err}")


if __name__ == "__main__":
    main()
