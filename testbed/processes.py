"""The processes of a server: which they are, what they use, and their end."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress

import psutil

STOP_TIMEOUT_S = 10.0
FRONTEND = "org.pytorch.serve.ModelServer"
WORKER = "model_service_worker"


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


def children(pid: int | None) -> list[psutil.Process]:
    """What the process of a server has started; nothing where it is not running, or was killed a moment ago."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True) if pid is not None else []
    return []


def frontend(pid: int | None) -> psutil.Process:
    """The Java process of a TorchServe."""
    (found,) = [process for process in children(pid) if FRONTEND in process.cmdline()]
    return found


def workers(pid: int | None) -> list[psutil.Process]:
    """The Python processes of a TorchServe that answer."""
    return [process for process in children(pid) if WORKER in " ".join(process.cmdline())]


def resident_mib(pid: int | None) -> tuple[float, float]:
    """Memory of a TorchServe's frontend, and of all its workers together."""
    java, python = 0.0, 0.0
    for process in children(pid):
        with suppress(psutil.NoSuchProcess):  # it ended since it was listed
            memory = process.memory_info().rss / 2**20
            if FRONTEND in process.cmdline():
                java += memory
            else:
                python += memory
    return java, python


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
