"""Labels that are probably wrong are found by what the models had read, and come again in the review."""

from pathlib import Path

import numpy as np
import pytest
from samples import CAPS, NOW, opened, sample
from sqlalchemy import select

from digitkit.collect.sample_store import SampleStore
from digitkit.collect.schema import PICTURES
from loop import label_errors
from loop.desk import Desk
from loop.label_errors import LabelError, suspects, voted

PICTURES_KEPT = 120
WRONG = {17, 31, 64}  # whose label is not what the model read so surely


def filled(folder: Path, count: int = PICTURES_KEPT) -> Path:
    """A store of labelled pictures, read by one model, some of them labelled wrongly. None was accepted, so that one label settles each."""
    draw = np.random.default_rng(0)
    with opened(folder) as store:
        for number in range(count):
            logits = draw.normal(0, 0.5, 10)
            logits[number % 10] += 6 if (number // 10) % 4 else 1.5  # what is kept is read in part hesitantly
            kept = sample(number, accepted=False, logits=logits.tolist())
            store.keep(kept, CAPS, NOW)
            label = (number + 5) % 10 if number in WRONG else number % 10
            Desk(store).claim(kept.sha256, str(label), by="anna")
    return folder


def open_ones(store: SampleStore) -> set[str]:
    with store.reading() as connection:
        return set(connection.execute(select(PICTURES.c.sha256).where(PICTURES.c.truth.is_(None))).scalars())


def test_labels_that_contradict_a_sure_model_are_listed_with_what_was_read(tmp_path: Path) -> None:
    with opened(filled(tmp_path)) as store:
        found = suspects(voted(store))
    assert {each.sha256 for each in found} == {sample(number).sha256 for number in WRONG}
    assert {(each.label, each.read) for each in found} == {(str((number + 5) % 10), str(number % 10)) for number in WRONG}
    assert all(each.confidence < 0.05 for each in found)


def test_they_are_reviewed_once_more_when_that_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(tmp_path)
    for words, opened_again in (([], 0), (["--again"], len(WRONG))):
        with pytest.raises(SystemExit, match=r"^0$"):
            label_errors.main(["--store", str(tmp_path), *words])
        with opened(tmp_path) as store:
            assert len(open_ones(store)) == opened_again
    assert f"{len(WRONG)} of {PICTURES_KEPT} labels are probably wrong" in capsys.readouterr().out


def test_too_few_labels_are_not_examined(tmp_path: Path) -> None:
    with opened(filled(tmp_path, 20)) as store, pytest.raises(LabelError, match=r"^20 pictures are labelled .* from 50 on$"):
        suspects(voted(store))


def test_pictures_of_one_digit_alone_have_no_suspects() -> None:
    same = label_errors.Voted([str(i) for i in range(60)], np.full(60, 3), np.full((60, 10), 0.1))
    assert suspects(same) == []


def test_several_models_have_one_voice_each(tmp_path: Path) -> None:
    surely = [9.0, *[0.0] * 9]
    with opened(tmp_path, sample(1, accepted=False, logits=surely), sample(1, accepted=False, logits=surely[::-1], model="other")) as store:
        Desk(store).claim(sample(1).sha256, "0", by="anna")
        given = voted(store)
    assert given.probabilities[0, [0, 9]] == pytest.approx([0.5, 0.5], abs=0.01)
