"""What the processes that run the tests side by side share: each test has its group, and what takes long to build is built once."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

WORKER = "PYTEST_XDIST_WORKER"  # "gw0", "gw1" and so on where there are several


def number_of_this_process() -> int:
    """From 0 up; 0 where the tests run in one process."""
    return int(os.environ.get(WORKER, "gw0").removeprefix("gw"))


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """Wait until no other process holds the lock, and hold it."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def built_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """The folder `name` that `build` fills: by the first process that asks for it, while the others wait."""
    base = factory.getbasetemp()
    folder = (base.parent if WORKER in os.environ else base) / name
    done = folder.with_suffix(".done")
    with held(folder.with_suffix(".lock")):
        if not done.exists():
            folder.mkdir(exist_ok=True)
            build(folder)
            done.touch()
    return folder


def group_of(item: pytest.Item) -> str:
    """The tests of a group run in one process: all that ask the common server, and otherwise those of a file, which share fixtures."""
    asks_the_server = "server" in getattr(item, "fixturenames", ())
    return "server" if asks_the_server else str(item.path.relative_to(item.config.rootpath))
