"""The load test itself: what it takes for a wrong answer, when a budget is broken, and how it ends."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from loaded import LIMITS, TOKEN, answer_of, body_of, data_root, figures_with, run_loadtest, serve, summary_with, without_warm_up
from PIL import Image

from deploy.model_list import read_models
from deploy.server import Server
from digitkit.readers.digits.digit import REASONS
from loadtest import run
from loadtest.budget import CALIBRATED, compare, read_budget, targets_of
from loadtest.generator.doors import from_rest
from loadtest.profile import read_profiles
from loadtest.results import overview
from loadtest.results.figures import MEASURES
from loadtest.results.overview import read_summary, show, write_summary
from loadtest.results.page import write_page
from loadtest.strict_yaml import WrongSettings
from testbed.answers import WrongAnswer, check_answers, to_prediction
from testbed.pictures import PicturesError, load_pictures

__all__ = ["data_root", "without_warm_up"]


def test_right_answer_is_accepted() -> None:
    answer = answer_of(7)
    assert to_prediction(answer | {"model": "digits"}).digit == 7
    check_answers([answer], [to_prediction(answer)])


def test_an_answer_that_is_not_accepted_says_why() -> None:
    for reason in REASONS:
        assert to_prediction(answer_of(7) | {"accepted": False, "reason": reason}).reason == reason


def test_rounding_is_no_wrong_content() -> None:
    check_answers([answer_of(7, 0.9104)], [to_prediction(answer_of(7, 0.91))])


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"digit": 10}, "none of 0 to 9"),
        ({"digit": "7"}, "none of 0 to 9"),
        ({"digit": True}, "none of 0 to 9"),
        ({"digit": 3}, "not the probability of the digit"),
        ({"digit": 3, "confidence": 0.01}, "not the most probable"),
        ({"confidence": 0.5}, "not the probability of the digit"),
        ({"accepted": None}, "accepted"),
        ({"accepted": False}, "reason is not why"),
        ({"accepted": False, "reason": "because"}, "reason is not why"),
        ({"reason": "unsure"}, "reason is not why"),
        ({"probabilities": [0.1] * 9}, "ten numbers"),
        ({"probabilities": [0.91] * 10}, "ten numbers"),
        ({"probabilities": [float("nan")] * 10}, "ten numbers"),
        ({"probabilities": ["0.1"] * 10}, "ten numbers"),
        ({"probabilities": None}, "no object"),
    ],
)
def test_malformed_answer_is_recognised(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(WrongAnswer, match=reason):
        to_prediction(answer_of(7) | changed)


@pytest.mark.parametrize("body", [b"", b"7", b"null", b"[]", b"{}", b"<html>", b"\xff", body_of([answer_of(7)]), body_of({"code": 503})])
def test_body_that_is_no_answer_is_recognised(body: bytes) -> None:
    with pytest.raises(WrongAnswer, match="malformed"):
        check_answers(from_rest(body, 1), [to_prediction(answer_of(7))])


@pytest.mark.parametrize("other", [answer_of(3), answer_of(7, 0.9)])
def test_answer_of_another_picture_is_recognised(other: dict[str, Any]) -> None:
    with pytest.raises(WrongAnswer, match="wrong content"):
        check_answers([other], [to_prediction(answer_of(7))])


def test_misreading_that_was_known_before_the_load_is_no_wrong_answer() -> None:
    misread = answer_of(digit=4)  # whatever the label says
    check_answers([misread], [to_prediction(misread)])


def test_figures_within_their_limits_keep_the_budget() -> None:
    assert summary_with(p99_ms=250.0, accuracy=0.98, rps=300.0).broken() == []


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"p50_ms": 51.0}, "digits p50_ms 51 > 50"),
        ({"p95_ms": 110.0}, "digits p95_ms 110 > 100"),
        ({"p99_ms": 312.0}, "digits p99_ms 312 > 250"),
        ({"fail_ratio": 0.0001}, "digits fail_ratio 0.0001 > 0"),
        ({"rps": 299.5}, "digits rps 299.5 < 300"),
        ({"accuracy": 0.979}, "digits accuracy 0.979 < 0.98"),
    ],
)
def test_each_broken_budget_is_named(changed: dict[str, float], line: str) -> None:
    assert summary_with(**changed).broken() == [line]


@pytest.mark.parametrize("profile", read_profiles())
def test_every_profile_has_a_budget_with_every_figure_for_every_listed_model_that_it_is_for(profile: str) -> None:
    is_for = read_profiles()[profile].is_for
    tested = [name for name, model in read_models().items() if is_for(model.task)]
    assert targets_of(profile) == [name for name in tested if read_models()[name].built]
    for target, model in read_models().items():
        if is_for(model.task):
            assert len(compare(figures_with(), read_budget(profile, target))) == len(MEASURES) - len(CALIBRATED)
        else:
            with pytest.raises(WrongSettings, match=f"target {target} has no budget for {profile}"):
                read_budget(profile, target)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (LIMITS | {"p97_ms_max": 1}, "unknown p97_ms_max"),
        ({key: LIMITS[key] for key in LIMITS if key != "p50_ms_max"}, "missing p50_ms_max"),
        (LIMITS | {"p50_ms_max": "fast"}, "'fast'"),
        (LIMITS | {"p50_ms_max": True}, "True"),
        (LIMITS | {"p50_ms_max": float("nan")}, "nan"),
        (LIMITS | {"p50_ms_max": -1}, "-1"),
        (LIMITS | {"accuracy_min": 98}, "0 to 1"),
        (yaml.safe_dump(LIMITS) * 2, "is there twice"),
        ("p50_ms_max: [", "cannot be read"),
        ("", "no mapping"),
    ],
)
def test_nonsense_in_a_budget_is_refused(tmp_path: Path, content: Any, reason: str) -> None:
    (tmp_path / "steady").mkdir()
    (tmp_path / "steady" / "digits.yaml").write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    with pytest.raises(WrongSettings, match=reason):
        read_budget("steady", "digits", tmp_path)
    assert run.main([f"--budgets={tmp_path}"]) == 2


def test_pictures_are_the_same_every_time_and_keep_their_labels(data_root: Path) -> None:
    pictures = load_pictures(data_root, count=4)
    assert pictures == load_pictures(data_root, count=4)
    pixels = np.frombuffer((data_root / "MNIST/raw/t10k-images-idx3-ubyte").read_bytes()[16:], np.uint8).reshape(10, 28, 28)
    for picture in pictures:  # in the fixture, a picture's place is its label
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(picture.png))), pixels[picture.label])


@pytest.mark.parametrize("kept", [slice(0, -1), slice(1, None), slice(0, 8), slice(0, 0)])
def test_damaged_pictures_are_refused(data_root: Path, kept: slice) -> None:
    path = data_root / "MNIST/raw/t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[kept])
    with pytest.raises(PicturesError, match="make train"):
        load_pictures(data_root)


def test_missing_pictures_are_refused_with_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_loadtest("http://127.0.0.1:1", tmp_path / "nothing") == 1
    assert "make train downloads it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--users=many", "'many' is no whole number from 1 on"),
        ("--seconds=0", "'0' is no whole number from 1 on"),
        ("--ratio=nan", "RATIO is nan; it must be a number from 1 up"),
        ("--ratio=0.5", "RATIO is 0.5; it must be a number from 1 up"),
        ("--machines=-1", "MACHINES is -1; it must be a number from 0 up"),
        ("--exporter-port=70000", "EXPORTER_PORT is 70000; it must be a number from 0 to 65535"),
    ],
)
def test_flag_that_makes_no_sense_is_refused_with_exit_code_2(flag: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = run.main([flag])
    except SystemExit as err:  # argparse's own
        code = int(str(err))
    assert code == 2
    assert message in capsys.readouterr().err


def test_unreachable_server_is_refused_with_exit_code_1(data_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    earlier = data_root.with_name("reports") / "report.html"
    earlier.parent.mkdir()
    earlier.write_text("an earlier report")
    assert run_loadtest("http://127.0.0.1:1", data_root) == 1
    assert "http://127.0.0.1:1 cannot be reached" in capsys.readouterr().err
    assert earlier.read_text() == "an earlier report"


def test_wrong_token_is_refused_with_exit_code_1(data_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(load_pictures(data_root), shift=0) as host:
        assert run_loadtest(host, data_root, token="wrong") == 1
    assert "refuses the token" in capsys.readouterr().err


def test_a_token_that_the_shell_still_has_is_not_taken_for_the_local_servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keys = {kind: {"key": f"{kind} of this start"} for kind in ("inference", "management")}
    (tmp_path / "8080").mkdir()
    (tmp_path / "8080" / "key_file.json").write_text(json.dumps(keys))
    monkeypatch.setattr(run, "LocalServer", lambda port, models: Server(port, state=tmp_path, models=models))
    monkeypatch.setenv("DIGITS_TOKEN", "of an earlier start")
    assert run.find_server(run.parse_flags([])).token == "inference of this start"
    assert run.find_server(run.parse_flags(["--host=http://elsewhere:8080"])).token == "of an earlier start"


@pytest.mark.usefixtures("without_warm_up")
@pytest.mark.slow
def test_impossible_budget_ends_with_exit_code_3_and_is_named(data_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(load_pictures(data_root), shift=0) as host:
        assert run_loadtest(host, data_root, rps_min=1e6) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"budget broken: digits rps [\d.]+ < 1e\+06", line)
    reports = data_root.with_name("reports")
    assert {path.name for path in reports.iterdir()} == {"summary.json", "summary.csv", "report.html", "digits.html"}
    assert not any(TOKEN in path.read_text() for path in reports.iterdir())


@pytest.mark.usefixtures("without_warm_up")
@pytest.mark.slow
def test_server_that_swaps_answers_under_load_breaks_the_failure_budget(data_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(load_pictures(data_root), shift=1) as host:
        assert run_loadtest(host, data_root) == 3
    printed = capsys.readouterr()
    assert printed.err == "budget broken: digits fail_ratio 1 > 0\n"
    assert "wrong content" in printed.out


def test_summary_is_the_same_after_reading_it_again(tmp_path: Path) -> None:
    summary = summary_with(p99_ms=312.0)
    write_summary(summary, tmp_path)
    assert read_summary(tmp_path / "summary.json") == summary
    assert json.loads((tmp_path / "summary.json").read_text())["broken"] == ["digits p99_ms 312 > 250"]
    rows = csv.DictReader((tmp_path / "summary.csv").read_text().splitlines())
    assert [row["figure"] for row in rows if row["kept"] == "False"] == ["p99_ms"]


def test_figures_that_a_second_make_run_keeps_say_when_they_were_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(overview, "REPORTS", tmp_path)
    with pytest.raises(SystemExit, match="make loadtest writes it"):
        overview.main()
    (tmp_path / "steady").mkdir()
    write_summary(replace(summary_with(), ended="2026-01-31T12:30:00"), tmp_path / "steady")
    overview.main()
    assert "measured on 2026-01-31 at 12:30:00 and kept" in capsys.readouterr().out


def test_page_shows_every_target_and_fetches_nothing(tmp_path: Path) -> None:
    write_page(summary_with({"<b>": 3}, fail_ratio=0.01), tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert all(text in page for text in ("digits_onnx", "1 of 12 budgets broken", "&lt;b&gt;"))
    assert not re.search(r"<script|<link|@import|url\(|src=\"(?!data:)", page)


def test_the_tables_of_four_targets_fit_into_a_terminal_of_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    two = summary_with()
    names = ("digits", "digits_onnx", "numbers", "numbers_onnx")
    targets = [replace(two.targets[0], target=name) for name in names]
    show(replace(two, targets=targets, budgets=dict.fromkeys(names, two.budgets["digits"])))
    shown = capsys.readouterr().out
    assert all(f" {name} " in shown for name in names) and "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80
