"""Where pictures are reviewed: it hands them out, takes what people say of them, and knows when they agree.

Two people are never given the same picture at once: each is lent to one for LEASE_S, in the store itself, so that several consoles may
work on one store.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update

from digitkit.collect.sample_store import SampleStore
from digitkit.collect.schema import ANSWERS, LABELS, LEASES, PICTURES
from loop.agreement import FEEDBACK, SAID, agreed
from loop.ordering import Candidate, most_telling

TASK: Final = "digits"  # of which pictures are reviewed
LEASE_S: Final = 300.0
POOL: Final = 400  # pictures among which the next are chosen, the newest, and as many labelled ones that they are compared with


class NotYoursError(Exception):
    """A picture that is lent to somebody else, that is settled, or that is there no more."""


@dataclass(frozen=True, slots=True)
class ReviewProgress:
    """How many pictures are open and how many settled, and how many labels one person gave."""

    open: int
    settled: int
    yours: int


class Desk:
    """The desk of a store. Every method raises StoreError."""

    def __init__(self, store: SampleStore) -> None:
        self.store = store

    def take(self, reviewer: str, count: int, now: float | None = None) -> list[Candidate]:
        """Lend a person pictures, those that they have already among them: up to `count`, what teaches most first."""
        now = time.time() if now is None else now
        with self.store.writing() as connection:
            connection.execute(delete(LEASES).where(LEASES.c.until < now))
            lent = {row.sha256: row.reviewer for row in connection.execute(select(LEASES))}
            mine = [sha256 for sha256, holder in lent.items() if holder == reviewer]
            taken = _candidates(connection, mine)[:count]
            if len(taken) < count:
                free = [c for c in _candidates(connection, _newest_open(connection)) if c.sha256 not in lent]
                # What one has labelled comes again only when nothing else is left.
                fresh = [c for c in free if reviewer not in {by for by, _ in c.labels}]
                left = fresh if fresh or taken else free
                taken += most_telling(left, _labelled_logits(connection), count - len(taken))
            for candidate in taken:
                connection.execute(delete(LEASES).where(LEASES.c.sha256 == candidate.sha256))
                connection.execute(insert(LEASES).values(sha256=candidate.sha256, reviewer=reviewer, until=now + LEASE_S))
        return taken

    def label(self, reviewer: str, sha256: str, label: str, now: float | None = None) -> Candidate:
        """Take what a person says of a picture; the picture as it is then.

        Raises:
            NotYoursError: it is not lent to them.
        """
        assert label in SAID
        with self.store.writing() as connection:
            holder = connection.execute(select(LEASES.c.reviewer).where(LEASES.c.sha256 == sha256)).scalar_one_or_none()
            if holder != reviewer:
                raise NotYoursError
            connection.execute(delete(LEASES).where(LEASES.c.sha256 == sha256))
            return _say(connection, reviewer, sha256, label, time.time() if now is None else now)

    def claim(self, sha256: str, label: str, by: str = FEEDBACK, now: float | None = None) -> None:
        """Take what feedback, or a file with labels, says of a picture that is kept."""
        with self.store.writing() as connection:
            _say(connection, by, sha256, label, time.time() if now is None else now)

    def undo(self, reviewer: str, now: float | None = None) -> Candidate | None:
        """Take a person's last label back and lend them its picture again; None where there is none."""
        now = time.time() if now is None else now
        with self.store.writing() as connection:
            last = connection.execute(
                select(LABELS.c.id, LABELS.c.sha256).where(LABELS.c.reviewer == reviewer).order_by(LABELS.c.id.desc()).limit(1)
            ).first()
            if last is None:
                return None
            connection.execute(delete(LABELS).where(LABELS.c.id == last.id))
            connection.execute(delete(LEASES).where(LEASES.c.sha256 == last.sha256))
            connection.execute(insert(LEASES).values(sha256=last.sha256, reviewer=reviewer, until=now + LEASE_S))
            return _settle(connection, last.sha256)

    def reopen(self, hashes: Sequence[str]) -> None:
        """Have settled pictures reviewed once more: what is said of them next settles them, together with what has been said."""
        with self.store.writing() as connection:
            for sha256 in hashes:
                connection.execute(update(PICTURES).where(PICTURES.c.sha256 == sha256).values(truth=None))

    def progress(self, reviewer: str) -> ReviewProgress:
        with self.store.reading() as connection:
            total, settled = connection.execute(select(func.count(), func.count(PICTURES.c.truth)).where(PICTURES.c.task == TASK)).one()
            yours = connection.execute(select(func.count()).select_from(LABELS).where(LABELS.c.reviewer == reviewer)).scalar_one()
        return ReviewProgress(total - settled, settled, yours)


def _say(connection: Connection, reviewer: str, sha256: str, label: str, now: float) -> Candidate:
    if connection.execute(select(PICTURES.c.sha256).where(PICTURES.c.sha256 == sha256)).first() is None:
        raise NotYoursError
    connection.execute(insert(LABELS).values(sha256=sha256, reviewer=reviewer, label=label, given_at=now))
    return _settle(connection, sha256)


def _settle(connection: Connection, sha256: str) -> Candidate:
    """Note what people agree that a picture shows, or that they do not."""
    (candidate,) = _candidates(connection, [sha256])
    truth = agreed((label for by, label in candidate.labels if by != FEEDBACK), candidate.claims)
    connection.execute(update(PICTURES).where(PICTURES.c.sha256 == sha256).values(truth=truth))
    return candidate


def _newest_open(connection: Connection) -> Sequence[str]:
    query = select(PICTURES.c.sha256).where(PICTURES.c.task == TASK, PICTURES.c.truth.is_(None))
    return connection.execute(query.order_by(PICTURES.c.kept_at.desc()).limit(POOL)).scalars().all()


def _labelled_logits(connection: Connection) -> list[list[float]]:
    query = select(ANSWERS.c.logits).join(PICTURES, PICTURES.c.sha256 == ANSWERS.c.sha256).where(PICTURES.c.truth.is_not(None))
    return [logits for logits in connection.execute(query.order_by(PICTURES.c.kept_at.desc()).limit(POOL)).scalars() if logits]


def _candidates(connection: Connection, hashes: Sequence[str]) -> list[Candidate]:
    """All that is known of pictures, in their order."""
    answers, labels = defaultdict[str, list[dict[str, Any]]](list), defaultdict[str, list[tuple[str, str]]](list)
    query = select(ANSWERS).where(ANSWERS.c.sha256.in_(hashes)).order_by(ANSWERS.c.model, ANSWERS.c.version)
    for answer in connection.execute(query).mappings():
        answers[answer["sha256"]].append(dict(answer))
    for row in connection.execute(select(LABELS).where(LABELS.c.sha256.in_(hashes)).order_by(LABELS.c.id)):
        labels[row.sha256].append((row.reviewer, row.label))
    return [Candidate(each, answers[each], labels[each], claims(answers[each], labels[each])) for each in hashes]


def claims(answers: Iterable[dict[str, Any]], labels: Iterable[tuple[str, str]]) -> frozenset[str]:
    """What is claimed of a picture: what all accepted answers say, if they say the same, and what feedback said last."""
    accepted = {answer["label"] for answer in answers if answer["accepted"]}
    said = [label for by, label in labels if by == FEEDBACK]
    return frozenset((accepted if len(accepted) == 1 else set()) | set(said[-1:]))
