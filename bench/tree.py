"""What a server with all of its processes uses."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress

import psutil

STOP_TIMEOUT_S = 10.0


def cpu_seconds(pid: int) -> float:
    """Processor time, user and system, that the processes of a server have used; of those that have ended, too, once waited for."""
    total = 0.0
    for process in _tree(pid):
        with suppress(psutil.NoSuchProcess):
            used = process.cpu_times()
            total += used.user + used.system + used.children_user + used.children_system
    return total


def memory_mb(pid: int) -> float:
    """Resident memory in MB (10**6): PSS, in which a page that n processes share counts as 1/n in each."""
    total = 0
    for process in _tree(pid):
        with suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().pss
    return total / 1e6


def _tree(pid: int) -> Iterator[psutil.Process]:
    root = psutil.Process(pid)
    yield from (root, *root.children(recursive=True))


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a server and all of its processes: asked to first, killed where they do not."""
    family = list(_tree(process.pid)) if process.poll() is None else []
    for member in family[:1]:  # it ends its own workers in order
        member.terminate()
    _, alive = psutil.wait_procs(family, timeout=STOP_TIMEOUT_S)
    for member in alive:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(alive, timeout=STOP_TIMEOUT_S)
    process.wait()
