"""The store of kept pictures: what is in it once, what makes room, and that what is deleted is nowhere any more."""

import io
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from samples import CAPS, NOW, everything_in, files_in, opened, sample
from sqlalchemy import func, insert, select

from digitkit.collect.sample import to_sample
from digitkit.collect.sample_store import DAY_S, SampleStore, StoreError, StorePlace
from digitkit.collect.schema import ABOUT_A_PICTURE, ANSWERS, LABELS, LEASES, PICTURES
from digitkit.collect.shelf import Shelf


def count(store: SampleStore, table: object = PICTURES) -> int:
    with store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


def test_a_picture_is_kept_under_its_hash_with_what_was_read_of_it(tmp_path: Path) -> None:
    kept = sample(7, reason="unsure")
    with opened(tmp_path, kept) as store, store.reading() as connection:
        picture = connection.execute(select(PICTURES)).mappings().one()
        answer = connection.execute(select(ANSWERS)).mappings().one()
        assert (picture["sha256"], picture["reason"], picture["seen"], picture["kept_at"]) == (kept.sha256, "unsure", 1, NOW)
        assert dict(answer) == {"sha256": kept.sha256, **dict(kept.answer or {})}
        assert store.picture(kept.sha256) == kept.png
    assert files_in(tmp_path) == [kept.sha256]


def test_the_folder_is_its_owners_alone(tmp_path: Path) -> None:
    with opened(tmp_path / "new", sample(1)):
        assert [oct((tmp_path / "new" / name).stat().st_mode & 0o777) for name in (".", "pictures")] == ["0o700"] * 2


@pytest.mark.parametrize("shape", [(28, 28), (1, 900), (2000, 1500)])
def test_a_kept_picture_is_a_grey_png_of_bounded_size_without_metadata(shape: tuple[int, int]) -> None:
    kept = to_sample(np.zeros(shape, dtype=np.uint8), 512, task="digits", reason="random")
    with Image.open(io.BytesIO(kept.png)) as image:
        assert (image.format, image.mode, image.info, image.size) == ("PNG", "L", {}, (kept.width, kept.height))
    assert max(image.size) == min(512, max(shape))
    assert min(image.size) >= 1


def test_a_picture_that_comes_again_is_counted_and_not_kept_twice(tmp_path: Path) -> None:
    with opened(tmp_path, sample(1)) as store:
        assert store.keep(sample(1, confidence=0.7), CAPS) == "duplicate"
        with store.reading() as connection:
            assert connection.execute(select(PICTURES.c.seen)).scalars().all() == [2]
            assert connection.execute(select(ANSWERS.c.confidence)).scalars().all() == [0.7]


def test_the_answers_of_two_models_stand_beside_each_other(tmp_path: Path) -> None:
    with opened(tmp_path, sample(1), sample(1, model="digits_onnx", label="3")) as store, store.reading() as connection:
        assert connection.execute(select(ANSWERS.c.model, ANSWERS.c.label).order_by(ANSWERS.c.model)).all() == [
            ("digits", "1"),
            ("digits_onnx", "3"),
        ]


def test_no_more_are_kept_in_a_minute_and_a_day_than_the_caps_say(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        caps = CAPS._replace(minute_pictures=2, day_pictures=3)
        became = [store.keep(sample(number), caps, NOW + seconds) for number, seconds in enumerate((0, 1, 2, 70, 140, DAY_S + 2))]
    assert became == ["kept", "kept", "minute", "kept", "day", "kept"]


def test_the_oldest_make_room_for_new_ones_with_all_that_is_known_of_them(tmp_path: Path) -> None:
    kept = [sample(number) for number in range(4)]
    with opened(tmp_path, *kept[:3]) as store:
        room = sum(len(each.png) for each in kept[2:])
        assert store.keep(kept[3], CAPS._replace(store_bytes=room), NOW + 9) == "kept"
        assert (count(store), count(store, ANSWERS)) == (2, 2)
    assert files_in(tmp_path) == sorted(each.sha256 for each in kept[2:])


def test_a_picture_that_no_room_is_enough_for_is_not_kept_and_drives_nobody_out(tmp_path: Path) -> None:
    with opened(tmp_path, sample(0)) as store:
        assert store.keep(sample(1), CAPS._replace(store_bytes=10)) == "bytes"
        assert count(store) == 1


def test_a_picture_is_deleted_after_its_days(tmp_path: Path) -> None:
    with opened(tmp_path, sample(0), sample(1)) as store:
        assert store.expire(days=1, now=NOW + DAY_S + 0.5) == 1
        assert count(store) == 1
    assert files_in(tmp_path) == [sample(1).sha256]


@pytest.mark.parametrize("way", ["hash", "time"])
def test_what_is_deleted_is_in_no_file_any_more(way: str, tmp_path: Path) -> None:
    gone, left = sample(0, request_id="a-request-that-is-to-vanish"), sample(1, asked_at=NOW + 60)
    with opened(tmp_path, gone, left) as store:
        with store.writing() as connection:
            connection.execute(insert(LABELS).values(sha256=gone.sha256, reviewer="somebody-who-said-it", label="3", given_at=NOW))
            connection.execute(insert(LEASES).values(sha256=gone.sha256, reviewer="somebody-who-said-it", until=NOW))
        assert b"a-request-that-is-to-vanish" in everything_in(tmp_path)
        deleted = store.forget([gone.sha256]) if way == "hash" else store.forget_between(NOW - 1, NOW)
        assert deleted == 1
        for known in (b"a-request-that-is-to-vanish", b"somebody-who-said-it", gone.sha256.encode(), gone.png):
            assert known not in everything_in(tmp_path)
        assert [count(store, table) for table in ABOUT_A_PICTURE] == [0, 0, 1, 1]
    assert files_in(tmp_path) == [left.sha256]


def test_a_file_without_a_record_is_swept_away_but_not_one_that_is_just_being_kept(tmp_path: Path) -> None:
    with opened(tmp_path, sample(0)) as store:
        for number, age_s in ((1, 3600), (2, 0)):
            store.shelf.put(sample(number).sha256, sample(number).png)
            (path,) = tmp_path.rglob(f"{sample(number).sha256}.png")
            os.utime(path, (time.time() - age_s,) * 2)
        assert store.sweep() == 1
    assert files_in(tmp_path) == sorted([sample(0).sha256, sample(2).sha256])


def test_a_picture_that_somebody_removed_is_told_and_can_be_deleted(tmp_path: Path) -> None:
    with opened(tmp_path, sample(0)) as store:
        next(tmp_path.rglob("*.png")).unlink()
        with pytest.raises(FileNotFoundError):
            store.picture(sample(0).sha256)
        assert store.forget([sample(0).sha256]) == 1


def keep_many(folder: str, numbers: list[int]) -> None:
    store = SampleStore(StorePlace(folder))
    for number in numbers:
        store.keep(sample(number), CAPS)
    store.close()


@pytest.mark.slow
def test_several_processes_keep_the_same_pictures_at_once_and_each_is_there_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=keep_many, args=(str(tmp_path), list(range(10)))) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    with opened(tmp_path) as store, store.reading() as connection:
        assert connection.execute(select(func.count(), func.sum(PICTURES.c.seen))).one() == (10, 20)
    assert len(files_in(tmp_path)) == 10


def test_a_store_that_is_no_database_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "records.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match=r"records\.sqlite cannot be used: file is not a database$"):
        SampleStore(StorePlace(str(tmp_path)))


def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be used: .*(Not a directory|File exists)"):
        SampleStore(StorePlace(str(tmp_path / "file" / "store")))


@pytest.mark.parametrize("url", ["no url", "nothing://here"])
def test_an_address_that_no_driver_knows_is_told_without_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        SampleStore(StorePlace(str(tmp_path), records=url))
    assert "SQLAlchemy" in str(caught.value) or "cannot be used" in str(caught.value)
    with pytest.raises(StoreError) as caught:
        SampleStore(StorePlace(str(tmp_path), records="postgresql+nodriver://me:secret@127.0.0.1:1/digits"))
    assert "secret" not in str(caught.value)


def test_pictures_may_be_anywhere_that_fsspec_reaches(tmp_path: Path) -> None:
    store = SampleStore(StorePlace(str(tmp_path), pictures="memory://kept"))
    assert store.keep(sample(0), CAPS) == "kept"
    assert (store.picture(sample(0).sha256), files_in(tmp_path)) == (sample(0).png, [])
    store.forget([sample(0).sha256])
    with pytest.raises(FileNotFoundError):
        store.picture(sample(0).sha256)
    store.close()


def test_what_the_disk_had_no_room_for_is_in_neither_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as store:

        def full(shelf: Shelf, path: str, content: bytes) -> None:
            Path(path).write_bytes(content[:10])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(type(store.shelf._files), "pipe_file", full)
        with pytest.raises(StoreError, match="No space left on device"):
            store.keep(sample(0), CAPS)
        assert (count(store), files_in(tmp_path)) == (0, [])
