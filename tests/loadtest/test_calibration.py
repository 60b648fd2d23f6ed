"""Budgets in shares of what the machine can do: a slow machine keeps them, a server at half its speed does not."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml
from loaded import GENEROUS, TOKEN, answer_of, body_of, data_root, figures_with, without_warm_up

from loadtest import run
from loadtest.budget import BUDGETS, compare, read_budget
from loadtest.calibration import Calibration, calibrate
from loadtest.measure import ServerUnderTest
from testbed.pictures import LabelledPicture, load_pictures

__all__ = ["data_root", "without_warm_up"]

PING_S, PICTURE_S = 0.03, 0.005  # of a stand-in at full speed, whose answer takes both and as long again
USUAL_SHARE = 0.5
SHARE_MIN = 0.35  # as the shipped budgets, well above half of what is usual


@contextmanager
def stand_in(pictures: list[LabelledPicture], *, answer_s: float, ping_s: float) -> Iterator[str]:
    """A server that answers one request at a time, each in this time."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(b"{}", ping_s)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            digits = [label for _, label in sorted((body.find(p.png), p.label) for p in pictures if p.png in body)]
            self._reply(body_of(answer_of(digits[0]) if len(digits) == 1 else [answer_of(digit) for digit in digits]), answer_s)

        def _reply(self, body: bytes, seconds: float) -> None:
            time.sleep(seconds)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    class Queueing(HTTPServer):
        request_queue_size = 64  # all connections of the calibration at once

    with Queueing(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def loaded(monkeypatch: pytest.MonkeyPatch, data_root: Path, *, machine: float, server: float) -> int:
    """The exit code of a load test of a server and a machine that take so many times as long as usual."""
    pictures = load_pictures(data_root)
    folder = data_root.with_name("budgets") / "steady"
    folder.mkdir(parents=True)
    (folder / "digits.yaml").write_text(yaml.safe_dump(GENEROUS | {"rps_share_min": SHARE_MIN}))

    def read(bodies: Sequence[bytes]) -> None:
        time.sleep(len(bodies) * machine * PICTURE_S)

    usual_s = (PING_S + PICTURE_S) / USUAL_SHARE
    with stand_in(pictures, answer_s=machine * server * usual_s, ping_s=machine * PING_S) as host:
        monkeypatch.setattr(run, "find_server", lambda flags: ServerUnderTest(host=host, token=TOKEN))
        monkeypatch.setattr(run, "load_bare", lambda archive: read)
        reports = data_root.with_name("reports")
        flags = {"budgets": folder.parent, "data-root": data_root, "reports": reports, "users": 4, "seconds": 2}
        return run.main([f"--{name}={value}" for name, value in flags.items()] + ["--target=digits"])


@pytest.mark.usefixtures("without_warm_up")
@pytest.mark.slow
def test_a_server_at_half_its_speed_breaks_its_budget(
    data_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loaded(monkeypatch, data_root, machine=1, server=2) == 3
    assert re.fullmatch(r"budget broken: digits rps_share 0\.\d+ < 0\.35\n", capsys.readouterr().err)


@pytest.mark.usefixtures("without_warm_up")
@pytest.mark.slow
def test_a_machine_at_a_third_of_its_speed_does_not(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch, data_root, machine=3, server=1) == 0


def test_a_calibration_adds_the_times_of_its_parts_up() -> None:
    calm, busy = Calibration(pings=1000.0, pictures=250.0), Calibration(pings=500.0, pictures=125.0)
    assert calm.rps == pytest.approx(200)
    assert calm.between(busy).rps == pytest.approx(2 / (1 / 200 + 1 / 100))


def test_a_calibration_measures_pings_and_pictures(data_root: Path) -> None:
    read = []
    with stand_in(load_pictures(data_root), answer_s=0, ping_s=0.002) as host:
        found = calibrate(host, TOKEN, lambda bodies: read.append(len(bodies)), [b"a", b"b", b"c"], seconds=0.05)
    assert found.pings <= 500
    assert found.pictures > 1000
    assert set(read) == {64}


def test_a_server_elsewhere_is_judged_by_its_other_limits() -> None:
    budget = read_budget("steady", "digits")
    assert "rps_share" in budget
    assert "rps_share" not in [check.figure for check in compare(figures_with(), budget)]
    (broken,) = (check for check in compare(figures_with(rps_share=0.01), budget) if not check.kept)
    assert broken.figure == "rps_share"


@pytest.mark.parametrize("target", ["digits", "digits_onnx"])
def test_the_profile_that_make_run_measures_has_a_limit_in_shares(target: str) -> None:
    path = BUDGETS / "steady" / f"{target}.yaml"
    assert 0 < yaml.safe_load(path.read_text())["rps_share_min"] < 1
