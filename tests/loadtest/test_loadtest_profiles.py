"""Load profiles: what they may hold, the knee that a ramp finds, their requests through every door, and the baseline."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from conftest import ROOT
from loaded import answer_of, data_root, run_loadtest, serve, summary_with, window_with, without_warm_up
from numpy.typing import NDArray
from questions import read_question

from digitkit.errors import DigitError
from digitkit.readers.digits.reader import READER
from digitkit.serving import writing
from digitkit.serving.request import from_torchserve
from digitkit.settings import Limits
from loadtest import run
from loadtest.generator import doors
from loadtest.generator.refused import bad_pictures
from loadtest.generator.traffic import LIST, Case, Known, Traffic
from loadtest.profile import PROFILES, Profile, Ramp, Stage, read_profiles
from loadtest.results.overview import conclusions, read_baseline, read_summary, write_summary
from loadtest.results.page import write_page
from loadtest.strict_yaml import WrongSettings
from testbed.answers import Refusal, WrongAnswer, check_answers, to_explanation
from testbed.pictures import load_pictures

__all__ = ["data_root", "without_warm_up"]

SECTION = yaml.safe_load(PROFILES.read_text())["arrivals"]


@pytest.fixture
def known(ten_pngs: list[bytes]) -> Known:
    explanations = [{"digit": digit, "target": digit, "attributions": np.full((28, 28), digit / 10).tolist()} for digit in range(10)]
    return Known("digits", ten_pngs, [answer_of(digit) for digit in range(10)], explanations)


def test_profiles_ask_the_questions_that_the_issue_names() -> None:
    profiles = read_profiles()
    assert {"smoke", "steady", "ramp", "spike", "soak", "mixed", "manage"} <= set(profiles)
    assert {profile.workload for profile in profiles.values()} == {"open", "closed"}
    assert profiles["steady"].summary == "closed workload: 32 users for 7 s"
    assert profiles["manage"].management


def test_the_document_names_every_profile_with_its_workload() -> None:
    rows = re.findall(r"^\| `(\w+)`(?: \(default\))? \| (\w+) \|", (ROOT / "docs" / "loadtest.md").read_text(), re.M)
    assert rows == [(profile.name, profile.workload) for profile in read_profiles().values()]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"workload": "half-open"}, "known are closed, open"),
        ({"users": 3}, "unknown users"),
        ({"stages": None}, "list of stages"),
        ({"stages": [{"name": "x", "load": 0, "seconds": 1}]}, "number from 1 up"),
        ({"stages": [{"name": "x", "load": 5}]}, "missing seconds"),
        ({"doors": {"http": 1}}, "unknown http"),
        ({"traffic": {}}, "is empty"),
        ({"ramp": {"start": 1, "coarse": 2, "fine": 2, "seconds": 5}}, "either stages or a ramp"),
        ({"management": "yes"}, "known are False, True"),
    ],
)
def test_nonsense_in_a_profile_is_refused(changed: dict[str, Any], reason: str, tmp_path: Path) -> None:
    path = tmp_path / "profiles.yaml"
    path.write_text(yaml.safe_dump({"mine": SECTION | changed}))
    with pytest.raises(WrongSettings, match=reason):
        read_profiles(path)


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--profile=storm"], "no profile storm; known are smoke, steady"),
        (["--target=letters"], "target letters has no budget for steady"),
        (["--rate=5"], "LOADTEST_USERS sets its users"),
        (["--profile=arrivals", "--users=5"], "LOADTEST_RATE sets its arrivals"),
        (["--machines=2"], "name it with TARGET="),
        (["--baseline=nowhere"], "BASELINE=nowhere holds no summary.json"),
        (["--profile=manage", "--host=http://127.0.0.1:1"], "needs the management API"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_sentence_with_exit_code_2(
    flags: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(flags) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line


def test_another_load_and_length_keep_the_proportions_of_the_stages() -> None:
    spike = read_profiles()["spike"].scaled(load=20, seconds=50)
    assert [(stage.load, stage.seconds) for stage in spike.stages] == [(20, 16), (100, 10), (20, 24)]


def test_models_of_a_slower_task_get_their_share_of_the_load_unless_one_is_asked_for() -> None:
    spike = read_profiles()["spike"]
    assert [stage.load for stage in spike.loaded_for("numbers").stages] == [10, 50, 10]
    assert spike.loaded_for("digits").stages == spike.stages
    assert spike.scaled(load=20, seconds=None).loaded_for("numbers").first_load == 20
    assert read_profiles()["ramp"].loaded_for("numbers").first_load == 10
    assert spike.summary.endswith("; for numbers 0.1 of that load")


def test_a_low_load_has_sources_for_every_door() -> None:
    for profile in read_profiles().values():
        for task in ("digits", "numbers"):
            loaded = profile.loaded_for(task)
            assert loaded.workload == "closed" or loaded.first_load / loaded.source_rate >= sum(loaded.doors.values())


@pytest.mark.parametrize("capacity", [100, 149, 150, 420, 1_234, 7_777])
def test_a_ramp_finds_the_knee_of_a_server_to_a_tenth(capacity: int) -> None:
    steps = Ramp(start=100, coarse=1.5, fine=1.1, seconds=6).climb()
    held: list[float] = []
    step: Stage | None = next(steps)
    while step:
        held += [step.load] * (step.load <= capacity)
        try:
            step = steps.send(step.load <= capacity)
        except StopIteration:
            step = None
    assert capacity / 1.11 <= max(held) <= capacity


def test_a_ramp_whose_first_step_does_not_hold_ends() -> None:
    steps = Ramp(start=100, coarse=1.5, fine=1.1, seconds=6).climb()
    next(steps)
    with pytest.raises(StopIteration):
        steps.send(False)


def test_what_workers_are_told_is_what_their_master_knows(known: Known) -> None:
    assert Known(**asdict(known)) == known
    profile = read_profiles()["mixed"]
    told = Profile.from_message(profile.to_message())
    assert (told.workload, told.doors, told.traffic) == (profile.workload, profile.doors, profile.traffic)


def answers_of_the_server(case: Case, row: dict[str, Any], headers: dict[str, Any], limits: Limits) -> bytes:
    """What digitkit itself answers where the model knows every good picture."""
    question = read_question(from_torchserve(row, headers), limits)
    results: list[Any] = [
        canvas if isinstance(canvas, DigitError) else expected for canvas, expected in zip(question.pictures, case.expected, strict=True)
    ]
    return writing.write_answer(question, results, writing.Model("digits", "1.0"), READER).body


@pytest.mark.parametrize("kind", ["single", "list", "bad"])
def test_every_kind_of_request_gets_its_right_answer_from_digitkit_through_every_door(kind: str, known: Known, limits: Limits) -> None:
    traffic = Traffic(known)
    for _ in range(10):
        case = traffic.draw(kind)
        post = doors.to_v2(case, "digits")
        as_json = {"content-type": post.content_type}
        check_answers(doors.from_v2(answers_of_the_server(case, {"body": json.loads(post.body)}, as_json, limits)), case.expected)
        if kind == "single":
            row: dict[str, Any] = {"body": bytearray(doors.to_rest(case, "digits").body)}
            check_answers(doors.from_rest(answers_of_the_server(case, row, {}, limits), 1), case.expected)
        if kind == "list":
            inputs = {name: bytearray(value) for name, value in doors.to_grpc(case).items()}
            check_answers(doors.from_grpc(answers_of_the_server(case, inputs, {}, limits)), case.expected)


def test_a_list_holds_one_bad_picture_in_a_place_that_changes(known: Known) -> None:
    traffic = Traffic(known)
    places = [[isinstance(each, Refusal) for each in traffic.draw("list").expected] for _ in range(LIST)]
    assert places == np.eye(LIST, dtype=bool).tolist()


def test_a_bad_picture_that_gets_another_error_or_a_digit_is_a_wrong_answer(ten_pngs: list[bytes]) -> None:
    for _, refusal in bad_pictures(ten_pngs[0], "digits"):
        check_answers([{"code": refusal.code, "type": refusal.type, "message": ""}], [refusal])
        for wrong in ({"code": 503, "type": refusal.type}, {"code": refusal.code, "type": "Other"}, answer_of(7), None):
            with pytest.raises(WrongAnswer):
                check_answers([wrong], [refusal])


@pytest.mark.parametrize(("task", "of_a_pdf"), [("digits", 415), ("numbers", 400), ("letters", 415)])
def test_a_bad_picture_must_get_the_error_of_the_reader_that_is_asked(task: str, of_a_pdf: int, ten_pngs: list[bytes]) -> None:
    assert [refusal.code for _, refusal in bad_pictures(ten_pngs[0], task)] == [400, 400, of_a_pdf, 422, 413]


def test_what_a_reader_takes_is_no_bad_picture(ten_pngs: list[bytes]) -> None:
    half_is_whole = ten_pngs[0] + bytes(len(ten_pngs[0]))
    assert [refusal.code for _, refusal in bad_pictures(half_is_whole, "digits")] == [400, 415, 422, 413]


def test_an_explanation_of_another_picture_is_a_wrong_answer(known: Known) -> None:
    answer = known.explanations[5]
    expected = to_explanation(answer)
    moved: NDArray[np.float64] = np.array(expected.attributions)
    moved[3, 3] += 0.1
    check_answers([answer], [expected])
    for changed in (
        {"attributions": moved.tolist()},
        {"target": 3},
        {"digit": 6, "target": 6},
        {"attributions": [[0.5]]},
        {"attributions": "x"},
    ):
        with pytest.raises(WrongAnswer):
            check_answers([answer | changed], [expected])


def test_fewer_answers_than_pictures_are_wrong(known: Known) -> None:
    case = Traffic(known).draw("list")
    with pytest.raises(WrongAnswer, match="as many answers"):
        check_answers([answer_of(0)] * (LIST - 1), case.expected)


def test_the_knee_is_the_highest_step_that_held_and_a_late_generator_is_named() -> None:
    steps = [
        window_with(name=f"step {load // 100}", load=load, held=load < 300, late_p99_ms=load / 5, p99_ms=load / 4)
        for load in (100, 200, 300)
    ]
    summary = summary_with()
    summary = replace(summary, targets=[replace(summary.targets[0], stages=steps)])
    knee, late = conclusions(summary)
    assert "the knee is 200 arrivals a second" in knee
    assert "in step 3 (300 arrivals/s) the load generator itself was late by 60 ms" in late


def test_each_figure_that_is_worse_by_more_than_the_ratio_is_a_regression() -> None:
    then = summary_with()
    now = replace(summary_with(p99_ms=150.0, rps=440.0, p50_ms=10.0), baseline=then)
    assert now.regressions() == [
        "digits p99_ms 150, 1.7 times worse than the baseline's 90",
        "digits rps 440, 2 times worse than the baseline's 900",
    ]
    assert replace(now, ratio=2.1).regressions() == []
    assert [change.worse for change in now.changes() if change.figure == "p50_ms"] == [0.5, 1.0]


def test_a_baseline_of_another_load_is_refused(tmp_path: Path) -> None:
    write_summary(summary_with(), tmp_path)
    steady = read_profiles()["steady"]
    assert read_baseline(str(tmp_path), steady.scaled(load=2, seconds=1)) == summary_with()
    with pytest.raises(WrongSettings, match="2 users for 1 s; it cannot be compared with steady, closed workload: 32 users for 7 s"):
        read_baseline(str(tmp_path), steady)


def test_the_page_of_a_ramp_shows_its_knee_and_what_is_worse_than_the_baseline(tmp_path: Path) -> None:
    steps = [window_with(name=f"step {i}", load=100.0 * i, held=i < 3) for i in (1, 2, 3)]
    then = summary_with()
    now = replace(then, targets=[replace(result, stages=steps, requests=7) for result in then.targets], baseline=summary_with(rps=2_000.0))
    write_page(now, tmp_path)
    page = (tmp_path / "report.html").read_text()
    shown = (
        "the knee is 200 arrivals a second",
        "Up to the knee",
        "step 3",
        "Every budget is kept; 1 of 8 figures worse than the baseline",
    )
    assert [text for text in shown if text not in page] == []


@pytest.mark.usefixtures("without_warm_up")  # which would swallow the stall
@pytest.mark.slow
def test_an_open_workload_counts_what_waits_while_the_server_stalls_and_a_closed_one_does_not(data_root: Path) -> None:
    latency_ms = {}
    for profile, flags in (("arrivals", ["--rate=50", "--seconds=4"]), ("steady", ["--users=2", "--seconds=4"])):
        with serve(load_pictures(data_root), stall_s=1.0) as host:
            assert run_loadtest(host, data_root, profile=profile, flags=flags) == 0
        (result,) = read_summary(data_root.with_name("reports") / "summary.json").targets
        latency_ms[profile] = result.percentiles_ms
    assert min(latencies["1.0"] for latencies in latency_ms.values()) >= 500  # both saw the stall
    # In the open one a quarter of all requests were due during the stall of one second in four, in the closed one two were.
    assert latency_ms["arrivals"]["0.95"] >= 500
    assert latency_ms["steady"]["0.95"] < 200
