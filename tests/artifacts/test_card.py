"""An artifact is used only with the card that describes it."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cards import FACTS

from digitkit.artifacts.card import Card, CardError, card_path, check_card, facts, version_key, write_card
from digitkit.contract import CONTRACT_VERSION

CONTENT = b"the weights of a net"


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """A file with its card."""
    path = tmp_path / "digits.pt"
    path.write_bytes(CONTENT)
    write_card(path, **FACTS)
    return path


def change(artifact: Path, **fields: Any) -> None:
    """Set fields of an artifact's card; None drops a field."""
    known = json.loads(card_path(artifact).read_text()) | fields
    card_path(artifact).write_text(json.dumps({name: value for name, value in known.items() if value is not None}))


def test_written_card_is_read_back_equal(artifact: Path) -> None:
    card = check_card(artifact)
    assert card == write_card(artifact, **FACTS)
    assert dataclasses.asdict(card) == FACTS | {
        "contract": CONTRACT_VERSION,
        "bytes": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "signature": "",
    }


def test_card_is_json_beside_the_artifact(artifact: Path) -> None:
    assert card_path(artifact) == artifact.parent / "digits.pt.json"
    assert json.loads(card_path(artifact).read_text())["accuracy"]["test"] == 0.991


def test_facts_of_a_card_make_the_card_of_another_artifact(artifact: Path) -> None:
    other = artifact.with_name("digits.onnx")
    other.write_bytes(b"a graph")
    assert facts(check_card(artifact)) == FACTS
    card = write_card(other, **facts(check_card(artifact)))
    assert check_card(other) == card
    assert (card.bytes, card.commit) == (7, "8ae2d85+changes")


def test_missing_artifact_is_an_error(artifact: Path) -> None:
    artifact.unlink()
    with pytest.raises(CardError, match=r"digits\.pt does not exist"):
        check_card(artifact)


def test_missing_card_is_an_error(artifact: Path) -> None:
    card_path(artifact).unlink()
    with pytest.raises(CardError, match=r"digits\.pt has no card; digits\.pt\.json must lie beside it"):
        check_card(artifact)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"7", b'"card"', b"[1, 2]", b"\xff\xfe", b'{"contract": 1'])
def test_damaged_card_is_an_error_that_names_its_fields(text: bytes, artifact: Path) -> None:
    card_path(artifact).write_bytes(text)
    with pytest.raises(CardError, match=r"digits\.pt\.json is no card; it must hold ") as caught:
        check_card(artifact)
    assert all(field.name in str(caught.value) for field in dataclasses.fields(Card))


def test_card_that_was_written_before_there_were_references_is_read(artifact: Path) -> None:
    change(artifact, reference=None)
    assert check_card(artifact).reference == {}


def test_card_that_was_written_before_there_were_tasks_is_for_digits(artifact: Path) -> None:
    change(artifact, task=None)
    assert check_card(artifact).task == "digits"


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Card) if field.name not in ("reference", "task", "signature")])
def test_card_without_a_field_is_an_error(name: str, artifact: Path) -> None:
    change(artifact, **{name: None})
    with pytest.raises(CardError, match=f"is no card; it must hold .*{name}"):
        check_card(artifact)


def test_card_with_an_unknown_field_is_an_error(artifact: Path) -> None:
    change(artifact, colour="green")
    with pytest.raises(CardError, match="is no card; it must hold"):
        check_card(artifact)


@pytest.mark.parametrize("version", ["1", "1.0.0", "v1.0", "1.00", "01.0", "1.-1", "1.0 ", "../1.0", "1.٣", "", 1.0])
def test_card_whose_version_is_no_version_is_an_error(version: Any, artifact: Path) -> None:
    change(artifact, version=version)
    with pytest.raises(CardError, match=r"digits\.pt\.json is no card: "):
        check_card(artifact)


def test_versions_are_compared_by_their_numbers() -> None:
    assert sorted(["1.10", "2.0", "1.9", "0.11"], key=version_key) == ["0.11", "1.9", "1.10", "2.0"]


def test_artifact_of_another_contract_is_an_error(artifact: Path) -> None:
    change(artifact, contract=CONTRACT_VERSION + 1)
    with pytest.raises(CardError, match=rf"of contract {CONTRACT_VERSION + 1}, this code of contract {CONTRACT_VERSION}"):
        check_card(artifact)


@pytest.mark.parametrize("content", [b"", b"the weights of a nut", CONTENT + b"\0", CONTENT[:-1]])
def test_changed_bytes_are_an_error(content: bytes, artifact: Path) -> None:
    artifact.write_bytes(content)
    with pytest.raises(CardError, match=r"is not the file that digits\.pt\.json describes: its sha256 differs"):
        check_card(artifact)
