"""A lock for commands of which one may run at a time; the system releases it when the process ends, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyRunning(Exception):
    """Another process holds the lock."""


@contextmanager
def exclusive(lock: Path, doing: str) -> Iterator[None]:
    """Hold a lock file, which stays where it is.

    Args:
        doing: what its holder does, for the message to those who come second.
    Raises:
        AlreadyRunning: another process holds it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise AlreadyRunning(f"{doing} is going on already, and holds {lock}") from err
        yield
