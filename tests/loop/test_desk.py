"""The desk: who is given which picture, what counts as agreement, and in which order pictures come."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import NOW, opened, sample
from sqlalchemy import select

from digitkit.collect.schema import PICTURES
from loop.agreement import NONE, UNSURE, agreed
from loop.desk import LEASE_S, Desk, NotYoursError
from loop.ordering import Candidate, most_telling


def truth_of(desk: Desk, number: int) -> Any:
    with desk.store.reading() as connection:
        return connection.execute(select(PICTURES.c.truth).where(PICTURES.c.sha256 == sample(number).sha256)).scalar_one()


def candidate(
    name: str, *, confidence: float = 0.9, accepted: bool = True, logits: list[float] | None = None, label: str = "7"
) -> Candidate:
    answer = {"model": "digits", "label": label, "confidence": confidence, "accepted": accepted, "logits": logits}
    return Candidate(name, [answer], [], frozenset())


def order(*candidates: Candidate, labelled: list[list[float]] | None = None) -> str:
    return "".join(each.sha256 for each in most_telling(candidates, labelled or [], len(candidates)))


@pytest.mark.parametrize(
    ("labels", "claims", "truth"),
    [
        ([], [], None),
        ([], ["7"], None),  # no person has looked
        (["7"], [], "7"),
        (["7"], ["7"], "7"),
        (["7"], ["3"], None),  # it comes again
        (["7", "7"], ["3"], "7"),
        (["7", "3"], ["3"], "3"),
        (["7", "3"], [], None),
        (["7", "3", "7"], [], "7"),
        (["7", "3"], ["5"], None),
        (["7"], ["3", "3"], None),
        ([NONE], [], NONE),
        ([UNSURE], [], None),
        ([UNSURE, UNSURE], [], UNSURE),
        ([UNSURE, "7"], [], "7"),
    ],
)
def test_people_agree_when_one_label_has_more_voices_than_any_other(labels: list[str], claims: list[str], truth: str | None) -> None:
    assert agreed(labels, claims) == truth


def test_what_is_read_unsurely_comes_first() -> None:
    assert order(candidate("a", confidence=0.99), candidate("b", confidence=0.3), candidate("c", confidence=0.8, accepted=False)) == "bca"


def test_a_contradiction_comes_before_all_doubt() -> None:
    both = [*candidate("x").answers, *candidate("x", label="1").answers]
    assert order(candidate("a", confidence=0.1), Candidate("b", both, [], frozenset())) == "ba"


def test_of_forty_alike_one_comes_first_and_the_rare_one_next() -> None:
    alike = [candidate("a", confidence=0.5, logits=[1.0, 0.001 * i]) for i in range(40)]
    assert order(*alike, candidate("r", confidence=0.6, logits=[-5.0, 3.0]))[:2] in ("ar", "ra")


def test_what_is_like_a_labelled_picture_comes_late() -> None:
    known, other = candidate("k", logits=[1.0, 0.0]), candidate("o", logits=[4.0, 0.0])
    assert order(known, other, labelled=[[1.0, 0.1]]) == "ok"


def test_pictures_without_logits_are_ordered_by_doubt_alone() -> None:
    assert order(candidate("a", confidence=0.9), candidate("b", confidence=0.2), labelled=[[1.0]]) == "ba"
    assert order() == ""


def test_four_hundred_pictures_are_ordered_in_no_time() -> None:
    rng = np.random.default_rng(0)
    many = [candidate(str(i), confidence=float(rng.random()), logits=rng.normal(size=10).tolist()) for i in range(400)]
    started = time.perf_counter()
    most_telling(many, rng.normal(size=(400, 10)).tolist(), 4)
    assert time.perf_counter() - started < 1


def test_two_people_never_get_the_same_picture(tmp_path: Path) -> None:
    with opened(tmp_path, *map(sample, range(6))) as store:
        desk = Desk(store)
        first, second, third = (desk.take(name, 4, NOW) for name in ("a", "b", "c"))
        assert (len(first), len(second), third) == (4, 2, [])
        assert {each.sha256 for each in first} & {each.sha256 for each in second} == set()
        assert {each.sha256 for each in desk.take("a", 4, NOW)} == {each.sha256 for each in first}


def test_a_picture_that_nobody_answered_is_lent_anew(tmp_path: Path) -> None:
    with opened(tmp_path, sample(0)) as store:
        desk = Desk(store)
        desk.take("a", 1, NOW)
        assert desk.take("b", 1, NOW + LEASE_S - 1) == []
        assert len(desk.take("b", 1, NOW + LEASE_S + 1)) == 1
        with pytest.raises(NotYoursError):
            desk.label("a", sample(0).sha256, "7")


def test_a_label_that_nothing_contradicts_settles_a_picture(tmp_path: Path) -> None:
    with opened(tmp_path, sample(0, accepted=False), sample(1)) as store:
        desk = Desk(store)
        desk.take("a", 2)
        desk.label("a", sample(0).sha256, "5")
        assert truth_of(desk, 0) == "5"
        assert (desk.progress("a").open, desk.progress("a").settled, desk.progress("a").yours) == (1, 1, 1)
        assert [each.sha256 for each in desk.take("b", 4)] == []


def test_a_disagreement_comes_again_to_another_person(tmp_path: Path) -> None:
    with opened(tmp_path, sample(7), sample(8)) as store:
        desk = Desk(store)
        desk.take("a", 1)
        taken = desk.take("a", 2)
        assert len(taken) == 2
        desk.label("a", sample(7).sha256, "1")  # the model's accepted answer says 7
        assert truth_of(desk, 7) is None
        (again,) = desk.take("b", 1)
        assert (again.sha256, again.is_contradicted) == (sample(7).sha256, True)
        desk.label("b", sample(7).sha256, "1")
        assert truth_of(desk, 7) == "1"


def test_who_is_alone_gets_a_disagreement_again_after_everything_else(tmp_path: Path) -> None:
    with opened(tmp_path, sample(7), sample(8)) as store:
        desk = Desk(store)
        desk.take("a", 2)
        desk.label("a", sample(7).sha256, "1")
        assert [each.sha256 for each in desk.take("a", 4)] == [sample(8).sha256]
        desk.label("a", sample(8).sha256, "8")
        assert [each.sha256 for each in desk.take("a", 4)] == [sample(7).sha256]


def test_undo_takes_a_label_back_and_gives_the_picture_again(tmp_path: Path) -> None:
    with opened(tmp_path, sample(0), sample(1)) as store:
        desk = Desk(store)
        assert desk.undo("a") is None
        desk.take("a", 1)
        first = desk.take("a", 1)[0].sha256
        desk.label("a", first, "0")
        again = desk.undo("a")
        assert again is not None
        assert (again.sha256, again.labels) == (first, [])
        assert first in {each.sha256 for each in desk.take("a", 4)}
        assert desk.progress("a").settled == 0


def test_feedback_is_a_voice_and_settles_nothing_by_itself(tmp_path: Path) -> None:
    with opened(tmp_path, sample(7)) as store:
        desk = Desk(store)
        desk.claim(sample(7).sha256, "1")
        assert truth_of(desk, 7) is None
        (taken,) = desk.take("a", 1)
        assert taken.claims == {"7", "1"}
        desk.label("a", sample(7).sha256, "1")
        assert truth_of(desk, 7) == "1"


def test_pictures_of_another_task_are_not_reviewed(tmp_path: Path) -> None:
    with opened(tmp_path, sample(0, task="numbers", label="12.50")) as store:
        assert Desk(store).take("a", 4) == []
        assert Desk(store).progress("a").open == 0
