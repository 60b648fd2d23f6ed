"""The side that asks a peer's program what it reads."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from training.evaluate.lines.peers.answering import LENGTH_BYTES

PEERS: Final = ("rapidocr", "tesseract")
ENVIRONMENTS: Final = Path(".venv-peers")
END_S: Final = 10  # how long a program may take to end once no more pictures come


class PeerError(Exception):
    """A peer that cannot be asked: it is not installed, or it ended."""


class LinePeer:
    """A program that is running, and was found to answer.

    Attributes:
        version: the engine's name and its version, in its own words.
    """

    def __init__(self, name: str, to: IO[bytes], answers: IO[bytes]) -> None:
        """Raises PeerError where the program does not say its version."""
        self.name, self._to, self._answers = name, to, answers
        self.version = self._next("version")

    def read(self, file: bytes) -> str:
        """What it reads in an encoded picture; raises PeerError."""
        try:
            self._to.write(len(file).to_bytes(LENGTH_BYTES) + file)
            self._to.flush()
        except BrokenPipeError as err:
            raise PeerError(f"{self.name} ended before it was asked") from err
        return self._next("text")

    def _next(self, key: str) -> str:
        line = self._answers.readline()
        if not line:
            raise PeerError(f"{self.name} ended without an answer")
        return str(json.loads(line)[key])


def command_of(name: str) -> list[str]:
    """What starts the peer of that name, in the environment that make built for it; raises PeerError where there is none."""
    python = ENVIRONMENTS / name / "bin" / "python"
    if not python.exists():
        raise PeerError(f"{name} is not installed: {python} is missing; make evaluate-numbers PEERS={name} builds its environment")
    return [str(python), "-m", f"training.evaluate.lines.peers.{name}"]


@contextmanager
def started(name: str, command: Sequence[str]) -> Iterator[LinePeer]:
    """A peer whose program runs until the block ends; what goes wrong in it is told on the standard error.

    Raises:
        PeerError: it does not start.
    """
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield LinePeer(name, process.stdin, process.stdout)
        finally:
            with suppress(BrokenPipeError):  # it ended, with pictures on their way to it
                process.stdin.close()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
