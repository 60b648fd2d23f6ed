"""The log of requests: by which id each is found, what a line holds, and that a full disk costs no answer."""

import json
import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from digitkit.errors import BlankPicture
from digitkit.serving import request_log
from digitkit.serving.request import Request, to_request
from digitkit.serving.request_log import SLOW_MS, RequestLog, log_folder
from digitkit.serving.writing import Answer, Model, write_error

ANSWER = Answer(200, "application/json", b'{"digit": 7}', pictures=3)
REFUSAL = write_error(BlankPicture("no ink"), pictures=1)
DIGITS = Model("digits", "1.0")


def request(number: int, client_id: str = "") -> Request:
    headers = {"authorization": "Bearer secret"} | ({"x-request-id": client_id} if client_id else {})
    return to_request({"body": b"a picture"}, headers, {}, f"id-{number}")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_tells_what_became_of_a_request_and_nothing_of_its_picture_or_token(tmp_path: Path) -> None:
    path = tmp_path / "requests.log"
    RequestLog(path, DIGITS, "all").write([request(0), request(1, 'my "own" \\ id')], [ANSWER, REFUSAL], 12.345)
    good, refused = lines(path)
    time = datetime.fromisoformat(good.pop("time"))
    assert datetime.now(UTC) - timedelta(minutes=1) < time <= datetime.now(UTC)
    assert good == {"model": "digits", "version": "1.0", "ms": 12.3, "id": "id-0", "status": 200, "error": "", "pictures": 3}
    assert (refused["id"], refused["client_id"]) == ("id-1", 'my "own" \\ id')
    assert (refused["status"], refused["error"], refused["pictures"]) == (422, "BlankPicture", 1)
    assert not any(word in path.read_text() for word in ("a picture", 'digit"', "secret"))


@pytest.mark.parametrize(("milliseconds", "found"), [(SLOW_MS - 1, ["id-1", "id-2"]), (SLOW_MS, ["id-0", "id-1", "id-2", "id-3"])])
def test_notable_are_refusals_ids_of_the_clients_own_and_slow_batches(milliseconds: float, found: list[str], tmp_path: Path) -> None:
    path = tmp_path / "requests.log"
    batch = [request(0), request(1, "mine"), request(2), request(3)]
    RequestLog(path, DIGITS, "notable").write(batch, [ANSWER, ANSWER, REFUSAL, ANSWER], milliseconds)
    assert [line["id"] for line in lines(path)] == found


@pytest.mark.parametrize("given", ["x" * 129, "Zoë", "two\nlines", "tab\t"])
def test_a_clients_id_that_is_not_printable_or_too_long_is_left_out(given: str, tmp_path: Path) -> None:
    path = tmp_path / "requests.log"
    RequestLog(path, DIGITS, "all").write([request(0, given)], [ANSWER], 1.0)
    assert "client_id" not in lines(path)[0]


def test_a_full_file_makes_room_for_a_new_one_and_one_of_the_past_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_log, "FILE_BYTES", 300)  # of lines of 150 bytes, some two
    path = tmp_path / "requests.log"
    log = RequestLog(path, DIGITS, "all")
    for i in range(8):
        log.write([request(i)], [ANSWER], 1.0)
    assert {file.name for file in tmp_path.iterdir()} == {"requests.log", "requests.log.1"}
    kept = [line["id"] for file in ("requests.log.1", "requests.log") for line in lines(tmp_path / file)]
    assert kept == [f"id-{i}" for i in range(8 - len(kept), 8)]
    assert max(file.stat().st_size for file in tmp_path.iterdir()) < 600


def test_a_worker_that_is_started_anew_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    for i in range(2):
        RequestLog(tmp_path / "requests.log", DIGITS, "all").write([request(i)], [ANSWER], 1.0)
    assert [line["id"] for line in lines(tmp_path / "requests.log")] == ["id-0", "id-1"]


def test_a_disk_that_takes_nothing_is_told_once_and_written_to_again_when_it_does(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    folder = tmp_path / "logs"
    log = RequestLog(folder / "requests.log", DIGITS, "all")
    log.write([request(0)], [ANSWER], 1.0)
    log.write([request(1)], [ANSWER], 1.0)
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["requests are not logged for now"]
    folder.mkdir()
    log.write([request(2)], [ANSWER], 1.0)
    assert [line["id"] for line in lines(folder / "requests.log")] == ["id-2"]


def test_the_folder_is_torchserves_wherever_the_worker_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    frontends = Path(f"/proc/{os.getppid()}/cwd").resolve()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOG_LOCATION", raising=False)
    assert log_folder() == frontends / "logs"
    monkeypatch.setenv("LOG_LOCATION", "other")
    assert log_folder() == frontends / "other"
    monkeypatch.setenv("LOG_LOCATION", str(tmp_path))
    assert log_folder() == tmp_path
