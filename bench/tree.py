"""What a server with all of its processes uses."""

from collections.abc import Iterator
from contextlib import suppress

import psutil


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
