"""The tables of what is kept, in any database that SQLAlchemy reaches, and how one is opened so that many may write to it."""

from typing import Any, Final

from sqlalchemy import JSON, Boolean, Column, Engine, Float, Index, Integer, MetaData, String, Table, create_engine, event
from sqlalchemy.engine import URL, Connection, make_url

WAIT_S: Final = 5.0  # for another process that writes; a write takes about a millisecond
TURN: Final = 0x_D161_7541  # the number of the lock by which those who write to PostgreSQL wait for one another
WRITING: Final = "digits_writing"  # the option of a connection that is going to write

METADATA: Final = MetaData()
# Times are seconds since 1970, as every database has them.
PICTURES: Final = Table(
    "pictures",
    METADATA,
    Column("sha256", String(64), primary_key=True),  # of the file, which bears it as its name
    Column("kept_at", Float(53), nullable=False, index=True),
    Column("task", String(64), nullable=False, index=True),  # of the model that it was sent to
    Column("reason", String(32), nullable=False),  # why it is kept
    Column("bytes", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("seen", Integer, nullable=False),  # how often it came
    Column("truth", String(16), nullable=True, index=True),  # what people agree it shows; NULL until they do
)
ANSWERS: Final = Table(
    "answers",
    METADATA,
    Column("sha256", String(64), primary_key=True),
    Column("model", String(128), primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("asked_at", Float(53), nullable=False),
    Column("request_id", String(128), nullable=True),
    Column("label", String(256), nullable=False),
    Column("confidence", Float(53), nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("reason", String(32), nullable=True),  # why it is not accepted
    Column("logits", JSON(none_as_null=True), nullable=True),
)
LABELS: Final = Table(
    "labels",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("sha256", String(64), nullable=False),
    Column("reviewer", String(64), nullable=False),
    Column("label", String(64), nullable=False),
    Column("given_at", Float(53), nullable=False),
    Index("labels_of_picture", "sha256"),
)
LEASES: Final = Table(
    "leases",
    METADATA,
    Column("sha256", String(64), primary_key=True),
    Column("reviewer", String(64), nullable=False),
    Column("until", Float(53), nullable=False),
)
ABOUT_A_PICTURE: Final = (LEASES, LABELS, ANSWERS, PICTURES)  # all that is known of one, and goes with it


def open_engine(url: URL) -> Engine:
    """The engine of a database; nothing is connected yet. Raises ImportError where its driver is not installed."""
    if make_url(url).get_backend_name() != "sqlite":
        engine = create_engine(url, pool_pre_ping=True)
        if engine.dialect.name == "postgresql":
            event.listen(engine, "begin", _begin_postgresql)
        return engine
    engine = create_engine(url, connect_args={"timeout": WAIT_S})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    """Readers never wait for a writer (WAL), and what is deleted is overwritten with zeros."""
    connection.isolation_level = None  # transactions begin below, and not where Python's driver thinks that they should
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """One that is going to write takes the lock at once: one that has read before could not wait for it any more."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(WRITING) else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    """One that is going to write waits for its turn, as with SQLite: else two would count the same room, or lend the same picture."""
    if connection.get_execution_options().get(WRITING):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({TURN})")
