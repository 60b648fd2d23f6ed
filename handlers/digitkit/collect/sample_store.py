"""Where kept pictures are: their files on a shelf, all that is known of them in a database. Several processes may use one store.

A picture's file is written before its record is, and in the same transaction; so a record never lacks its file but by somebody's
hand, and a process that dies between the two leaves a file that `sweep` finds.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, delete, func, insert, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from digitkit.collect.sample import Sample
from digitkit.collect.schema import ABOUT_A_PICTURE, ANSWERS, METADATA, PICTURES, WRITING, open_engine
from digitkit.collect.shelf import Shelf

KEPT, DUPLICATE, MINUTE, DAY, BYTES = "kept", "duplicate", "minute", "day", "bytes"  # what becomes of a picture
MINUTE_S, DAY_S = 60.0, 86_400.0
SETTLED: Final = timedelta(minutes=1)  # after it a file has its record, if it ever gets one
AT_ONCE: Final = 500  # hashes in one statement: SQLite takes 32,766 values, other databases fewer


class StoreError(Exception):
    """The store cannot be used; the message says which one and why, and holds no password."""


class StorePlace(NamedTuple):
    """Where a store is, as `collect` in model-config.yaml says it: a folder, and what stands in the place of its parts, "" for nothing."""

    store: str
    records: str = ""
    pictures: str = ""

    @property
    def url(self) -> URL:
        """Of the database; raises StoreError."""
        try:
            return make_url(self.records) if self.records else URL.create("sqlite", database=str(Path(self.store) / "records.sqlite"))
        except ArgumentError as err:
            raise StoreError(
                "the URL of the records cannot be read; it must be one of SQLAlchemy's, as postgresql+psycopg:///digits"
            ) from err


class Caps(NamedTuple):
    """How many new pictures are kept, and how many bytes of all; see settings.Collecting."""

    minute_pictures: int
    day_pictures: int
    store_bytes: int


class SampleStore:
    """A store, opened; it is made where there is none. Every method raises StoreError."""

    def __init__(self, place: StorePlace) -> None:
        url = place.url
        self.name = url.render_as_string(hide_password=True)
        with self._told():
            if not place.records:
                Path(place.store).mkdir(mode=0o700, parents=True, exist_ok=True)
            self.shelf = Shelf(place.pictures or str(Path(place.store) / "pictures"))
            self.engine = open_engine(url)
            with self.writing() as connection:
                METADATA.create_all(connection)

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What goes wrong within it is told as a StoreError, in one line."""
        try:
            yield
        except (SQLAlchemyError, OSError, ImportError, ValueError) as err:
            said = str(getattr(err, "orig", None) or err).partition("\n")[0]
            raise StoreError(f"the store of pictures at {self.name} cannot be used: {said}") from err

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read by."""
        with self._told(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection within a transaction of its own, which waits for that of any other process."""
        with self._told(), self.engine.connect().execution_options(**{WRITING: True}) as connection, connection.begin():
            yield connection

    def keep(self, sample: Sample, caps: Caps, now: float | None = None) -> str:
        """Keep a picture, and say what became of it: KEPT, DUPLICATE, or which cap it is over."""
        now = time.time() if now is None else now
        try:
            return self._keep(sample, caps, now)
        except StoreError as err:
            if not isinstance(err.__cause__, IntegrityError):
                raise
            return self._keep(sample, caps, now)  # another process kept the same picture in between: now it is found

    def _keep(self, sample: Sample, caps: Caps, now: float) -> str:
        sha256 = sample.sha256
        with self.writing() as connection:
            found = connection.execute(update(PICTURES).where(PICTURES.c.sha256 == sha256).values(seen=PICTURES.c.seen + 1))
            if found.rowcount:
                self._note(connection, sha256, sample.answer)
                return DUPLICATE
            if over := self._over(connection, sample, caps, now):
                return over
            self.shelf.put(sha256, sample.png)
            row = {name: getattr(sample, name) for name in ("sha256", "task", "reason", "width", "height")}
            connection.execute(insert(PICTURES).values(**row, kept_at=now, bytes=len(sample.png), seen=1))
            self._note(connection, sha256, sample.answer)
            gone = self._make_room(connection, caps.store_bytes)
        self._remove_files(gone)
        return KEPT

    def count_again(self, repeats: Mapping[str, int]) -> None:
        """Count pictures that came again, by their hashes; what is not there any more is left out."""
        with self.writing() as connection:
            for sha256, count in repeats.items():
                connection.execute(update(PICTURES).where(PICTURES.c.sha256 == sha256).values(seen=PICTURES.c.seen + count))

    @staticmethod
    def _over(connection: Connection, sample: Sample, caps: Caps, now: float) -> str:
        """Which cap a new picture is over, "" for none."""
        if len(sample.png) > caps.store_bytes:
            return BYTES
        for cap, seconds, most in ((MINUTE, MINUTE_S, caps.minute_pictures), (DAY, DAY_S, caps.day_pictures)):
            newer = select(func.count()).select_from(PICTURES).where(PICTURES.c.kept_at > now - seconds)
            if connection.execute(newer).scalar_one() >= most:
                return cap
        return ""

    def note(self, sha256: str, answer: Mapping[str, Any]) -> bool:
        """Note what was read of a picture after it was kept; whether it is still there."""
        with self.writing() as connection:
            if connection.execute(select(PICTURES.c.sha256).where(PICTURES.c.sha256 == sha256)).first() is None:
                return False
            self._note(connection, sha256, answer)
        return True

    @staticmethod
    def _note(connection: Connection, sha256: str, known: Mapping[str, Any] | None) -> None:
        """Note what was read; of one version of a model the newest answer stands, and what that does not know is left."""
        if known is None:
            return
        answer = {"sha256": sha256, **known}
        same = [ANSWERS.c[name] == answer[name] for name in ("sha256", "model", "version")]
        told = {name: value for name, value in answer.items() if value is not None}
        if not connection.execute(update(ANSWERS).where(*same).values(**told)).rowcount:
            connection.execute(insert(ANSWERS).values(**answer))

    @staticmethod
    def _make_room(connection: Connection, store_bytes: int) -> list[str]:
        """Delete the records of the oldest pictures until the others fit; the hashes of those that went."""
        over = (connection.execute(select(func.sum(PICTURES.c.bytes))).scalar_one() or 0) - store_bytes
        gone: list[str] = []
        if over > 0:
            for sha256, size in connection.execute(select(PICTURES.c.sha256, PICTURES.c.bytes).order_by(PICTURES.c.kept_at).limit(AT_ONCE)):
                if over <= 0:
                    break
                gone.append(sha256)
                over -= size
        _forget(connection, gone)
        return gone

    def picture(self, sha256: str) -> bytes:
        """The PNG of a kept picture; raises FileNotFoundError where it is not there any more."""
        try:
            return self.shelf.get(sha256)
        except FileNotFoundError:
            raise
        except OSError as err:
            raise StoreError(f"the store of pictures at {self.name} cannot be used: {err}") from err

    def forget(self, hashes: Sequence[str]) -> int:
        """Delete pictures with all that is known of them; how many there were."""
        with self.writing() as connection:
            count = sum(
                connection.execute(select(func.count()).select_from(PICTURES).where(PICTURES.c.sha256.in_(part))).scalar_one()
                for part in _parts(hashes)
            )
            _forget(connection, hashes)
        self._remove_files(hashes)
        self._leave_nothing()
        return count

    def forget_between(self, since: float, until: float) -> int:
        """Delete every picture that was kept, or of which an answer was noted, from `since` up to `until`; how many there were."""
        kept = select(PICTURES.c.sha256).where(PICTURES.c.kept_at >= since, PICTURES.c.kept_at <= until)
        asked = select(ANSWERS.c.sha256).where(ANSWERS.c.asked_at >= since, ANSWERS.c.asked_at <= until)
        return self.forget(self._hashes(kept.union(asked).subquery().select()))

    def expire(self, days: int, now: float | None = None) -> int:
        """Delete the pictures that were kept more than `days` ago; how many there were."""
        before = (time.time() if now is None else now) - days * DAY_S
        old = self._hashes(select(PICTURES.c.sha256).where(PICTURES.c.kept_at < before))
        return self.forget(old) if old else 0

    def sweep(self) -> int:
        """Remove files that no record knows, which a process left that died while it kept one; how many there were."""
        with self._told():
            names = list(self.shelf.names(datetime.now(UTC) - SETTLED))
        known = set(self._hashes(select(PICTURES.c.sha256)))
        unknown = [name for name in names if name not in known]
        self._remove_files(unknown)
        return len(unknown)

    def _hashes(self, query: Select[Any]) -> list[str]:
        with self.reading() as connection:
            return list(connection.execute(query).scalars())

    def _remove_files(self, hashes: Sequence[str]) -> None:
        with self._told():
            for sha256 in hashes:
                self.shelf.remove(sha256)

    def _leave_nothing(self) -> None:
        """Have SQLite move its log into the database, where deleted rows are zeros, and empty it."""
        if self.engine.dialect.name == "sqlite":
            with self._told(), closing(self.engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _forget(connection: Connection, hashes: Sequence[str]) -> None:
    for part in _parts(hashes):
        for table in ABOUT_A_PICTURE:
            connection.execute(delete(table).where(table.c.sha256.in_(part)))


def _parts(hashes: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(hashes), AT_ONCE):
        yield hashes[start : start + AT_ONCE]
