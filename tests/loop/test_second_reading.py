"""What a model had not read is read afterwards, of its archive, and noted beside what another model read."""

import re
from pathlib import Path

import numpy as np
import pytest
from nets import drawn, written
from samples import CAPS, NOW, opened
from sqlalchemy import select

from digitkit.artifacts.card import check_card, facts, write_card
from digitkit.collect.sample import to_sample
from digitkit.collect.schema import ANSWERS, PICTURES
from export.packing import pack
from loop import second_reading
from training.evaluate.picture_reader import PictureReader
from training.evaluate.served import EYE, MODEL_CONFIG

READ = {
    **{"model": "digits_onnx", "version": "1.0", "asked_at": NOW, "request_id": "r", "label": "3", "confidence": 0.5, "accepted": False},
    **{"reason": "unsure", "logits": [0.0] * 10},
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of weights that nobody has trained."""
    folder = tmp_path_factory.mktemp("archive")
    weights = written(drawn("lean"), folder / "digits.pt")
    packed = pack(weights, "digits", folder, config=MODEL_CONFIG, beside=EYE)
    write_card(packed, **facts(check_card(weights)))
    return packed


def test_the_net_that_was_not_asked_reads_what_is_kept_and_reads_it_once(
    archive: Path, ten_pngs: list[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = PictureReader.of(archive.parents[1] / "digits.pt")
    with opened(tmp_path) as store:
        for png in ten_pngs[:3]:
            store.keep(to_sample(reader.picture(png), 512, task="digits", reason="unsure", answer=READ), CAPS, NOW)
        store.keep(to_sample(np.zeros((28, 28), dtype=np.uint8), 512, task="digits", reason="unsure", answer=READ), CAPS, NOW)  # refused
        store.keep(to_sample(np.eye(28, dtype=np.uint8), 512, task="numbers", reason="unsure", answer=READ), CAPS, NOW)
        for read in (3, 0):
            with pytest.raises(SystemExit, match=r"^0$"):
                second_reading.main(["--store", str(tmp_path), str(archive)])
            assert f"has read {read} pictures" in capsys.readouterr().out
        with store.reading() as connection:
            answers = connection.execute(select(ANSWERS).where(ANSWERS.c.model == "digits")).all()
            assert set(connection.execute(select(PICTURES.c.seen)).scalars()) == {1}
        labels = {answer.label for answer in answers}
        assert labels == {str(digit) for digit in reader.read(ten_pngs[:3]).digits}
        assert [len(answer.logits) for answer in answers] == [10] * 3


def test_an_archive_that_is_not_what_its_card_says_is_told_in_a_sentence(archive: Path, tmp_path: Path) -> None:
    with opened(tmp_path):
        damaged = tmp_path / "digits.mar"
        damaged.write_bytes(archive.read_bytes()[:-1])
        write_card(tmp_path / "digits.mar", **facts(check_card(archive)))
        damaged.write_bytes(b"damaged")
        with pytest.raises(SystemExit, match=re.compile(r"^loop\.second_reading: .*digits\.mar")):
            second_reading.main(["--store", str(tmp_path), str(damaged)])
