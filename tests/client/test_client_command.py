"""The command `digits`: what it takes, what it prints, and how it ends."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from faked import TOKEN, FakeServer, faked
from typer.testing import CliRunner

from digits_client.cli.commands import app
from digits_client.cli.watching import Samples

METRICS = """# TYPE digits_worker_provider gauge
digits_worker_provider{model_name="digits",model_version="1.0",worker="9000",provider="cpu",Hostname="vm",} 1.0
digits_worker_provider{model_name="digits",model_version="1.0",worker="9000",provider="cuda",Hostname="vm",} 0.0
ts_inference_requests_total{model_name="digits",model_version="default",hostname="vm",} 410.0
digits_drift_psi{model_name="digits",model_version="1.0",worker="9000",statistic="ink",Hostname="vm",} 0.0083
"""


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeServer]:
    monkeypatch.chdir(tmp_path)
    for name in ("DIGITS_KEY_FILE", "DIGITS_MANAGEMENT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with faked() as server:
        monkeypatch.setenv("DIGITS_URL", server.url)
        monkeypatch.setenv("DIGITS_TOKEN", TOKEN)
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures in two folders, and a file that is no picture by its name."""
    (tmp_path / "scans" / "inner").mkdir(parents=True)
    for name, content in (("b.png", b"2"), ("a.png", b"1"), ("inner/[c].JPG", b"3"), ("notes.txt", b"4")):
        (tmp_path / "scans" / name).write_bytes(content)
    return tmp_path / "scans"


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(app, arguments, input=stdin)


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_folder_a_pattern_a_file_and_standard_input_are_read_in_their_order(fake: FakeServer, folder: Path) -> None:
    result = run("read", "--json", str(folder), "scans/*.png", str(folder / "notes.txt"), "-", stdin=b"5")
    assert result.exit_code == 0
    assert [each["digit"] for each in lines(result)] == [1, 2, 3, 1, 2, 4, 5]
    assert [Path(each["picture"]).name for each in lines(result)][2:] == ["[c].JPG", "a.png", "b.png", "notes.txt", "-"]


def test_what_could_not_be_read_stands_in_its_place_and_makes_the_exit_code_1(fake: FakeServer, folder: Path) -> None:
    result = run("read", "--json", "missing.png", "scans/a.png", "-", stdin=b"rubbish")
    assert result.exit_code == 1
    missing, good, rubbish = lines(result)
    assert (missing["error"]["type"], good["digit"], rubbish["error"]["code"]) == ("PictureError", 1, 400)


def test_the_table_shows_names_as_they_are(fake: FakeServer, folder: Path) -> None:
    result = run("read", "scans")
    assert result.exit_code == 0
    assert "[c].JPG" in result.stdout
    assert [word in result.stdout for word in ("confidence", "0.9100", "yes")] == [True] * 3


def test_csv_has_a_column_for_errors(fake: FakeServer, folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("read", "--csv", "scans/a.png", "-", stdin=b"blank").stdout)))
    assert [(row["digit"], row["accepted"], row["error"]) for row in rows] == [("1", "yes", ""), ("", "", "BlankPicture: no ink")]


def test_numbers_are_told_with_their_format(fake: FakeServer, folder: Path) -> None:
    quad = [[0, 0], [1, 0], [1, 1], [0, 1]]
    number = {"text": "12,50", "value": 12.5, "digits": "1250", "confidence": 0.98, "accepted": True}
    number |= {"page": 1, "quad": quad, "characters": []}
    fake.faults.append(lambda asked: (200, {"numbers": [number, {**number, "text": "3"}], "pages": []}, {}))
    rows = list(csv.DictReader(io.StringIO(run("numbers", "--csv", "--format", "amount", "scans/a.png").stdout)))
    assert [(row["text"], row["value"]) for row in rows] == [("12,50", "12.5"), ("3", "12.5")]
    assert fake.asked[0].headers["x-format"] == "amount"


def test_fields_of_a_template_and_pages_that_were_not_read_have_rows_of_their_own(fake: FakeServer, folder: Path) -> None:
    quad = [[0, 0], [1, 0], [1, 1], [0, 1]]
    number = {
        "text": "12,50",
        "value": 12.5,
        "digits": "1250",
        "confidence": 0.98,
        "accepted": True,
        "page": 1,
        "quad": quad,
        "characters": [],
    }
    late = {"page": 2, "error": {"code": 503, "type": "Overloaded", "message": "late"}}
    told = {
        "numbers": [number],
        "fields": {"total": number, "date": {"accepted": False, "reason": "no_number", "page": 1, "quad": quad}},
        "sums": [{"total": "total", "items": ["total"], "amount": "12.50", "holds": True}],
        "pages": [{"page": 1, "width": 1, "height": 1}, late],
    }
    Path("form.json").write_text('{"fields": {}}')
    fake.faults += [lambda asked: (200, told, {})] * 2
    flags = ("--template", "form.json", "--pages", "1-2", "--words", "zwölf", "scans/a.png")
    result = run("numbers", "--csv", *flags)
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(row["page"], row["field"], row["text"], row["reason"], row["error"]) for row in rows] == [
        ("1", "total", "12,50", "", ""),
        ("1", "date", "", "no_number", ""),
        ("2", "", "", "", "Overloaded: late"),
    ]
    assert result.exit_code == 1
    assert (fake.asked[0].headers["x-template"], fake.asked[0].headers["x-page"]) == ('{"fields": {}}', "1-2")
    answer = json.loads(run("numbers", "--json", *flags).stdout)
    assert (answer["sums"][0]["amount"], answer["pages"]["2"]["error"]["type"]) == ("12.50", "Overloaded")


def test_an_explanation_is_written_as_a_picture(fake: FakeServer, folder: Path) -> None:
    fake.faults.append(lambda asked: (200, b"\x89PNG", {}))
    result = run("explain", "scans/a.png", "--out", "why.png", "--target", "3")
    assert result.exit_code == 0
    assert Path("why.png").read_bytes() == b"\x89PNG"
    assert fake.asked[0].headers["x-target"] == "3"


def test_a_wrong_token_or_address_is_one_sentence(fake: FakeServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_TOKEN", "wrong")
    result = run("read", "scans")
    assert (result.exit_code, result.stderr) == (1, "digits: Token Authorization failed.\n")
    assert "accepted is one of http://" in run("--url", "nowhere", "read", "scans").stderr
    assert run("read").exit_code == 2


def test_the_token_is_told_by_its_place_and_shown_only_when_asked(fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("token").stdout == "the inference token comes from the variable DIGITS_TOKEN\n"
    monkeypatch.delenv("DIGITS_TOKEN")
    assert run("token").exit_code == 1
    Path("key_file.json").write_text('{"inference": {"key": "abc", "expiration time": "2026-11-30T17:56:08.299835232Z"}}')
    told = run("token")
    assert told.exit_code == 0
    assert "from key_file.json, valid until 2026-" in told.stdout
    assert "abc" not in told.stdout
    assert run("token", "--show").stdout == "abc\n"
    assert "no management token in key_file.json" in run("token", "--kind", "management").stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")
def test_the_tokens_of_another_user_are_taken_only_by_their_name(fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIGITS_TOKEN")
    Path("key_file.json").write_text('{"inference": {"key": "abc"}}')
    os.chown("key_file.json", 65534, 65534)
    assert run("token", "--show").exit_code == 1
    assert run("--key-file", "key_file.json", "token", "--show").stdout == "abc\n"


def test_samples_are_read_with_their_labels() -> None:
    samples = Samples(METRICS, 0.0)
    assert [value for labels, value in samples.of("digits_worker_provider", "digits", "1.0") if labels["provider"] == "cpu"] == [1.0]
    assert samples.total("ts_inference_requests_total", "digits", ["1.0", "default"]) == 410
    assert samples.of("digits_drift_psi", "digits", "2.0") == []


def test_a_status_without_a_server_is_one_sentence(fake: FakeServer) -> None:
    result = run("status", "--seconds", "0", "--metrics", "http://127.0.0.1:1")
    assert result.exit_code == 1
    assert result.stderr == "digits: http://127.0.0.1:1/metrics does not answer (ConnectError)\n"


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_there_is_completion_for_the_shell(shell: str) -> None:
    environment = os.environ | {"_DIGITS_COMPLETE": f"source_{shell}", "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [sys.executable, "-c", "import sys; sys.argv = ['digits']; from digits_client.cli.main import main; main()"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "_DIGITS_COMPLETE=complete_" + shell in done.stdout
    asked = environment | {"_DIGITS_COMPLETE": f"complete_{shell}", "COMP_WORDS": "digits st", "COMP_CWORD": "1"}
    asked |= {"_TYPER_COMPLETE_ARGS": "digits st"}
    assert "status" in subprocess.run(command, env=asked, capture_output=True, text=True, check=False).stdout
