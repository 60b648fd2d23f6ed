"""The processes of a server: finding them, measuring what they use, and ending them."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress

import psutil

STOP_TIMEOUT_S = 10.0
FRONTEND = "org.pytorch.serve.ModelServer"
WORKER = "model_service_worker"


def cpu_seconds(pid: int) -> float:
    """User and system time that the processes of a server have used, including ended ones that their parent has waited for."""
    total = 0.0
    for process in _tree(pid):
        with suppress(psutil.NoSuchProcess):
            used = process.cpu_times()
            total += used.user + used.system + used.children_user + used.children_system
    return total


def memory_mb(pid: int) -> float:
    """Resident memory in MB (10**6), as PSS: a page that n processes share counts as 1/n for each of them."""
    total = 0
    for process in _tree(pid):
        with suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().pss
    return total / 1e6


def children(pid: int | None) -> list[psutil.Process]:
    """The processes that a server has started; empty if it is not running or has just been killed."""
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
    """Resident memory in MiB of a TorchServe's frontend, and of all its workers together."""
    java, python = 0.0, 0.0
    for process in children(pid):
        with suppress(psutil.NoSuchProcess):  # it has ended since it was listed
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
    """Ask a server to end, and kill those of its processes that do not."""
    family = list(_tree(process.pid)) if process.poll() is None else []
    for member in family[:1]:  # the server ends its own workers in order
        member.terminate()
    _, alive = psutil.wait_procs(family, timeout=STOP_TIMEOUT_S)
    for member in alive:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(alive, timeout=STOP_TIMEOUT_S)
    process.wait()
