"""A worker of TorchServe without its frontend: the start time and memory of an archive, as the server would see them.

It starts the process that the server starts, and speaks TorchServe 0.12's protocol (ts/protocol/otf_message_handler.py): integers of
four bytes, big-endian, each text preceded by its length, and -1 at the end of a list.
"""

import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil

START_TIMEOUT_S = 60.0
POLL_S = 0.005
BATCH = 64  # batchSize in model-config.yaml


class WorkerError(Exception):
    """The worker did not start, or its answer does not follow TorchServe's protocol."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that has loaded its model.

    Attributes:
        process: the Python process.
        connection: the connection to its socket.
        start_s: seconds from the start of the process to the loaded model.
    """

    process: psutil.Process
    connection: socket.socket
    start_s: float

    def ask(self, pictures: Sequence[bytes]) -> list[bytes]:
        """The bodies of the answers to one batch of requests with raw bodies."""
        self.connection.sendall(message([(picture, "image/png") for picture in pictures]))
        _expect_ok(self.connection)
        bodies: list[bytes] = []
        while True:
            length = _read_int(self.connection)
            if length == -1:
                return bodies
            _read(self.connection, length)  # the request's id
            _read_text(self.connection)  # the type
            _read_int(self.connection)  # the status
            _read_text(self.connection)  # its phrase
            for _ in range(2 * _read_int(self.connection)):  # headers: names and values
                _read_text(self.connection)
            bodies.append(_read_text(self.connection))

    def resident_mib(self) -> float:
        """Resident memory of the process, shared libraries included."""
        return float(self.process.memory_info().rss / 2**20)

    def has_loaded(self, library: str) -> bool:
        """Whether it has loaded a shared library whose file name starts with `library`."""
        return any(Path(region.path).name.startswith(library) for region in self.process.memory_maps())


@contextmanager
def started(archive: Path) -> Iterator[Worker]:
    """A context with a worker that has loaded the model of `archive`; the worker ends with it.

    Raises:
        WorkerError: it did not load the model; the message holds the end of its log.
    """
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(archive) as packed:
        folder, log, path = Path(scratch, "model"), Path(scratch, "log"), Path(scratch, "socket.9000")
        packed.extractall(folder)
        before = time.perf_counter()
        with log.open("wb") as output:
            process = psutil.Popen(_command(path), cwd=folder, env=_environment(folder), stdout=output, stderr=subprocess.STDOUT)
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                _connect(connection, path, process)
                connection.sendall(_load_message(archive.stem, folder))
                _expect_ok(connection)
                _read_int(connection)  # the end of the list of predictions, which is empty
                yield Worker(process, connection, time.perf_counter() - before)
        except (OSError, WorkerError) as err:
            raise WorkerError(f"{archive.name}: {err}; its log ends with: {log.read_text(errors='replace')[-3000:]}") from err
        finally:
            process.kill()
            process.wait()


def _command(path: Path) -> list[str]:
    spec = find_spec("ts")
    if spec is None or spec.origin is None:
        raise WorkerError("torchserve is not installed; make setup installs it")
    ts = Path(spec.origin).parent
    script, metrics = ts / "model_service_worker.py", ts / "configs/metrics.yaml"
    return [sys.executable, str(script), "--sock-type", "unix", "--sock-name", str(path), "--metrics-config", str(metrics)]


def _environment(folder: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(folder), "LOG_LOCATION": str(folder)}


def _connect(connection: socket.socket, path: Path, process: psutil.Popen) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            if process.poll() is not None:
                raise WorkerError(f"the worker ended with {process.returncode}") from None
            if time.monotonic() > deadline:
                raise WorkerError(f"the worker did not listen within {START_TIMEOUT_S:.0f} s") from None
            time.sleep(POLL_S)
        else:
            return


def _load_message(name: str, folder: Path) -> bytes:
    no_gpu, no_envelope, limit_pixels = _int(-1), _text(""), b"\x01"
    return b"L" + _text(name) + _text(str(folder)) + _int(BATCH) + _text("digit_handler.py") + no_gpu + no_envelope + limit_pixels


def message(bodies: Sequence[tuple[bytes, str]]) -> bytes:
    """The message with a batch of requests, each of a body and its type."""
    headers = _text("Host") + _text("127.0.0.1") + _int(-1)
    requests = [
        _text(str(i)) + headers + _text("body") + _text(content_type) + _text(body) + _int(-1)
        for i, (body, content_type) in enumerate(bodies)
    ]
    return b"I" + b"".join(requests) + _int(-1)


def _expect_ok(connection: socket.socket) -> None:
    code, message = _read_int(connection), _read_text(connection)
    if code != 200:
        raise WorkerError(f"it answered {code}: {message.decode(errors='replace')}")


def _int(value: int) -> bytes:
    return struct.pack("!i", value)


def _text(value: str | bytes) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return _int(len(content)) + content


def _read(connection: socket.socket, length: int) -> bytes:
    content = b""
    while len(content) < length:
        piece = connection.recv(length - len(content))
        if not piece:
            raise WorkerError("the worker closed its socket")
        content += piece
    return content


def _read_int(connection: socket.socket) -> int:
    return int(struct.unpack("!i", _read(connection, 4))[0])


def _read_text(connection: socket.socket) -> bytes:
    return _read(connection, _read_int(connection))
