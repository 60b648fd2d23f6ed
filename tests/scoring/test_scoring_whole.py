"""Bulk scoring as people run it: killed and begun again, and with the answers that the server gives."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ROOT

from deploy.server import Server

LIMIT_S = 120


def command(store: Path, source: Path, out: Path) -> list[str]:
    flags = ["--weights", str(store / "digits.onnx"), "--processes", "1", "--portion", "40"]
    return [sys.executable, "-m", "scoring.run", str(source), str(out), *flags]


def children(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in told.split()]


def is_alive(pid: int) -> bool:
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.server
def test_a_killed_run_goes_on_and_its_answers_are_those_of_the_server(
    client: httpx.Client, server: Server, store: Path, tmp_path: Path, ten_pngs: list[bytes]
) -> None:
    source, out = tmp_path / "in.parquet", tmp_path / "out"
    pictures = [*ten_pngs, b"no picture"] * 300
    pq.write_table(pa.table({"image": pictures}), source)
    killed = subprocess.Popen(command(store, source, out), cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + LIMIT_S
    while not (out.is_dir() and len(list(out.glob("answers*"))) >= 2):
        assert killed.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    started = children(killed.pid)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    while any(map(is_alive, started)):  # nobody may go on writing beside the next run
        assert time.monotonic() < deadline
        time.sleep(0.01)
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("answers*")}
    assert len(before) < len(pictures) / 40
    done = subprocess.run(command(store, source, out), cwd=ROOT, capture_output=True, text=True, check=True, timeout=LIMIT_S)
    assert f"{len(before)} of {-(-len(pictures) // 40)} portions are done already" in done.stderr
    assert "300 UnreadablePicture" in done.stdout
    after = {path.name: path.stat().st_mtime_ns for path in out.glob("answers*")}
    assert after.items() >= before.items()
    rows = [row for path in sorted(out.glob("answers*")) for row in pq.read_table(path).to_pylist()]
    assert [int(row["place"]) for row in rows] == list(range(len(pictures)))
    asked = client.post("/predictions/digits_onnx", files=[(str(i), data) for i, data in enumerate(pictures[:11])]).json()
    assert [json.loads(row["answer"]) if row["answer"] else row["error"] for row in rows[:11]] == [*asked[:10], asked[10]["type"]]
    assert len((out / "bad.csv").read_text().splitlines()) == 301
