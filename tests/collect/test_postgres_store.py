"""The records of kept pictures in a real PostgreSQL, Debian's package, which several machines may write to."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from samples import CAPS, NOW, files_in, sample
from sqlalchemy import func, select

from digitkit.collect.sample_store import Caps, SampleStore, StoreError, StorePlace
from digitkit.collect.schema import ANSWERS, LABELS, LEASES, PICTURES
from loop.desk import Desk

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
WRITERS = 4


class Cluster:
    """A PostgreSQL of its own, which listens on a socket in its folder alone; nobody but its user may own it, so root becomes that one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"postgresql+psycopg://digits@/postgres?host={folder}"

    def call(self, program: str, *flags: str) -> None:
        command = [str(PROGRAMS[-1].with_name(program)), "-D", f"{self.folder}/data", *flags]
        user = "postgres" if os.geteuid() == 0 else None
        subprocess.run(command, user=user, cwd="/", stdout=subprocess.DEVNULL, check=True, timeout=120)

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses=''"
        self.call("pg_ctl", "-o", options, "-l", f"{self.folder}/log", "-w", "start")

    def stop(self) -> None:
        self.call("pg_ctl", "-m", "immediate", "stop")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    pytest.importorskip("psycopg", reason="needs psycopg, the extra postgres")
    if not PROGRAMS:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a path of pytest's is too long for a socket
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    made = Cluster(folder)
    try:
        made.call("initdb", "-A", "trust", "-U", "digits", "--no-sync")
        made.start()
        yield made
        made.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def open_store(cluster: Cluster, tmp_path: Path) -> Iterator[Callable[[], SampleStore]]:
    """Opens the store anew, as another process would; it is empty at first."""
    opened: list[SampleStore] = []

    def open_it() -> SampleStore:
        opened.append(SampleStore(StorePlace("", cluster.url, str(tmp_path / "pictures"))))
        return opened[-1]

    store = open_it()
    store.forget(store._hashes(select(PICTURES.c.sha256)))
    yield open_it
    for each in opened:
        each.close()


def counts(store: SampleStore) -> list[int]:
    """How many pictures, answers, labels and leases there are."""
    with store.reading() as connection:
        return [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in (PICTURES, ANSWERS, LABELS, LEASES)]


def test_pictures_are_kept_labelled_and_deleted(open_store: Callable[[], SampleStore], tmp_path: Path) -> None:
    store, kept = open_store(), sample(7)
    desk = Desk(store)
    assert [store.keep(each, CAPS, NOW) for each in (kept, kept, sample(8), sample(7, model="digits_onnx"))] == [
        *("kept", "duplicate", "kept", "duplicate")
    ]
    (lent,) = desk.take("anna", 1, NOW)
    assert desk.label("anna", lent.sha256, "3", NOW).claims == frozenset({lent.answers[0]["label"]})
    assert lent.answers[0]["logits"] == [0.0] * 10
    assert counts(store) == [2, 3, 1, 0]
    assert store.forget([kept.sha256]) == 1
    assert files_in(tmp_path) == [sample(8).sha256]
    assert counts(store)[0] == 1


def test_several_that_write_at_once_keep_each_picture_once_and_stay_below_the_cap(open_store: Callable[[], SampleStore]) -> None:
    stores, most = [open_store() for _ in range(WRITERS)], 12
    caps = Caps(minute_pictures=most, day_pictures=1000, store_bytes=10**9)

    def fill(store: SampleStore) -> list[str]:
        return [store.keep(sample(number), caps, NOW) for number in range(20)]

    with ThreadPoolExecutor(WRITERS) as pool:
        became = [each for row in pool.map(fill, stores) for each in row]
    assert (became.count("kept"), became.count("duplicate")) == (most, most * (WRITERS - 1))
    with stores[0].reading() as connection:
        assert connection.execute(select(PICTURES.c.seen)).scalars().all() == [WRITERS] * most


def test_two_consoles_never_lend_the_same_picture(open_store: Callable[[], SampleStore]) -> None:
    stores = [open_store() for _ in range(WRITERS)]
    for number in range(20):
        stores[0].keep(sample(number), CAPS, NOW + number)
    with ThreadPoolExecutor(WRITERS) as pool:
        lent = pool.map(lambda i: Desk(stores[i]).take(f"reviewer-{i}", 5, NOW), range(WRITERS))
    assert len({candidate.sha256 for each in lent for candidate in each}) == 20


def test_a_database_that_goes_away_is_told_in_a_sentence_and_found_again(cluster: Cluster, open_store: Callable[[], SampleStore]) -> None:
    store = open_store()
    cluster.stop()
    try:
        with pytest.raises(StoreError, match=r"^the store of pictures at postgresql\+psycopg://digits@/postgres.* cannot be used: "):
            store.keep(sample(1), CAPS, NOW)
    finally:
        cluster.start()
    assert store.keep(sample(1), CAPS, NOW) == "kept"
