"""Which weights may be promoted: those of a verdict that passed, by their bytes, and notes that this machine signed."""

import json
from pathlib import Path
from typing import Any

import pytest
from cards import FACTS

from digitkit.artifacts.card import write_card
from promotion.admission import admit, sha256
from promotion.canary_bounds import CanaryBounds
from promotion.errors import NotPromoted
from promotion.signed_notes import Seal
from promotion.traffic.traffic_tally import SideTold, Told

GATES = [
    {"name": "mnist", "figure": 0.9961, "limit": 0.9955, "passed": True},
    {"name": "worst group", "figure": 0.8, "limit": 0.9, "passed": True},
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with weights that passed."""
    weights = tmp_path / "digits.pt"
    weights.write_bytes(b"weights")
    write_card(weights, **FACTS | {"version": "1.1", "task": "digits"})
    judge(tmp_path)
    return tmp_path


def judge(run: Path, **changed: Any) -> None:
    told = {
        "passed": True,
        "failed": [],
        "gates": GATES,
        "champion": "c" * 64,
        "challenger": sha256(run / "digits.pt"),
        "data": {"mnist": "m"},
    }
    (run / "verdict.json").write_text(json.dumps(told | changed))


def test_weights_that_passed_are_admitted_with_their_gates_and_data(run: Path) -> None:
    admitted = admit(run)
    assert (admitted.weights, admitted.card.version, admitted.gates, admitted.data) == (run / "digits.pt", "1.1", GATES, {"mnist": "m"})


def test_a_failed_gate_is_named_with_its_figure_and_limit(run: Path) -> None:
    failed = [GATES[0], GATES[1] | {"passed": False}]
    judge(run, passed=False, failed=["worst group"], gates=failed)
    with pytest.raises(NotPromoted, match=r"did not pass the gate worst group: 0\.8 beside a limit of 0\.9$"):
        admit(run)


def test_a_verdict_that_passed_and_names_a_failed_gate_does_not_pass(run: Path) -> None:
    judge(run, failed=["calibration"])
    with pytest.raises(NotPromoted, match="did not pass calibration"):
        admit(run)


def test_other_weights_than_the_judged_ones_are_refused(run: Path) -> None:
    judge(run, challenger="0" * 64)
    with pytest.raises(NotPromoted, match="judged other weights"):
        admit(run)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "there is no verdict"),
        ("{", "is no JSON"),
        ("[]", "is no verdict; it must have passed, failed, gates, champion, challenger, data"),
        (json.dumps({"passed": "yes", "failed": [], "gates": [], "champion": "", "challenger": "", "data": 0}), "is no verdict"),
        (json.dumps({"passed": True, "failed": [], "gates": [{}], "champion": "", "challenger": "", "data": 0}), "without name, figure"),
    ],
)
def test_without_a_whole_verdict_nothing_is_promoted(run: Path, content: str | None, told: str) -> None:
    (run / "verdict.json").unlink()
    if content is not None:
        (run / "verdict.json").write_text(content)
    with pytest.raises(NotPromoted, match=told):
        admit(run)


def test_notes_come_back_as_they_were_signed_and_the_key_is_for_its_user_alone(tmp_path: Path) -> None:
    seal = Seal(tmp_path / "promotion" / "key")
    (tmp_path / "promotion").mkdir()
    assert seal.read(tmp_path / "notes") is None
    seal.write(tmp_path / "notes", {"version": "1.1", "gates": GATES})
    assert Seal(tmp_path / "promotion" / "key").read(tmp_path / "notes") == {"version": "1.1", "gates": GATES}
    assert (tmp_path / "promotion" / "key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("change", ["content", "signature", "key", "json"])
def test_notes_that_somebody_else_wrote_are_refused(tmp_path: Path, change: str) -> None:
    notes, key = tmp_path / "notes", tmp_path / "key"
    Seal(key).write(notes, {"archives": {"digits": "a"}})
    told = json.loads(notes.read_text())
    if change == "content":
        told["content"]["archives"]["digits"] = "b"
    elif change == "signature":
        told["signature"] = "ü"
    elif change == "key":
        key.write_bytes(b"another")
    notes.write_text("[" if change == "json" else json.dumps(told))
    with pytest.raises(NotPromoted, match="cannot be read" if change == "json" else "was not signed with"):
        Seal(key).read(notes)


@pytest.mark.parametrize(
    ("text", "told"),
    [("seconds: 1", "must have exactly"), ("a: [", "cannot be read as YAML"), ("[1]", "must have exactly"), (None, "cannot be read")],
)
def test_bounds_that_cannot_be_used_are_refused(tmp_path: Path, text: str | None, told: str) -> None:
    if text is not None:
        (tmp_path / "bounds.yaml").write_text(text)
    with pytest.raises(NotPromoted, match=told):
        CanaryBounds.read(tmp_path / "bounds.yaml")


def test_a_bound_below_zero_is_named(tmp_path: Path) -> None:
    shipped = CanaryBounds.read()
    text = "\n".join(f"{name}: {-1 if name == 'errors' else getattr(shipped, name)}" for name in CanaryBounds.__slots__)
    (tmp_path / "bounds.yaml").write_text(text)
    with pytest.raises(NotPromoted, match="errors must be a number of 0 or more"):
        CanaryBounds.read(tmp_path / "bounds.yaml")


def told(**challenger: float) -> Told:
    """What is told of a stage of 1,000 pictures, in which the champion took 10 ms."""
    counted: dict[str, Any] = {"asked": 1_000, "p95_ms": 10.0}
    return Told(stage="shadow", compared=1_000, champion=SideTold(**counted), challenger=SideTold(**counted | challenger))


def test_a_challenger_like_the_champion_leaves_no_bound_and_a_slow_or_faulty_one_does() -> None:
    bounds = CanaryBounds.read()
    assert bounds.breach(told()) == ""
    assert bounds.breach(told(p95_ms=25)) == ""
    assert bounds.breach(told(p95_ms=26)) == "95 % of its answers within 26.0 ms, the bound is 25.0 ms"
    assert bounds.breach(told(errors=3)) == "errors 0.30%, the bound is 0.20%"
    assert bounds.breach(told(errors=3, not_accepted=21)) == (
        "errors 0.30%, the bound is 0.20%; not accepted beyond the champion's 2.10%, the bound is 2.00%"
    )


def test_one_error_among_the_first_answers_is_not_yet_a_breach() -> None:
    early = Told(stage="shadow", compared=3, challenger=SideTold(asked=3, errors=1, p95_ms=500))
    assert CanaryBounds.read().breach(early) == ""
