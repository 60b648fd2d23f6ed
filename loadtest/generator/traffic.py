"""The requests of a test: single pictures, lists, explanations and bad pictures, each with the answer that it must get."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, cycle, islice
from typing import Any, Final

from loadtest.generator.refused import bad_pictures
from testbed.answers import Expected, read_answer, read_explanation

LIST: Final = 8  # pictures of a list, one of them bad
EXPLAINED: Final = 16  # pictures that are explained: by occlusion each costs as much as 785 predictions


@dataclass(frozen=True, slots=True)
class Case:
    """One request: its pictures, and the answer that each of them must get."""

    kind: str
    pictures: tuple[bytes, ...]
    expected: tuple[Expected, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """Pictures and the parsed answers that they got before the load: plain values, which Locust's master can send to its workers.

    Attributes:
        task: of the model.
        pictures, answers: of every picture that is sent, as an encoded file.
        explanations: of the first EXPLAINED ones; empty if the profile has no explanations.
    """

    task: str
    pictures: Sequence[bytes]
    answers: Sequence[Any]
    explanations: Sequence[Any]


class Traffic:
    """Endless requests of every kind.

    All users draw from one cycle of pictures, so no two pictures in flight are the same. If the server mixes two
    of them up, both answers are wrong, unless both pictures have the same answer, as one pair in twenty does.
    """

    def __init__(self, known: Known) -> None:
        answers = [read_answer(answer, known.task) for answer in known.answers]
        explanations = [read_explanation(answer, known.task) for answer in known.explanations]
        self._known = cycle(zip(known.pictures, answers, strict=True))
        self._explained = cycle(zip(known.pictures, explanations, strict=False)) if explanations else iter(())
        self._bad = cycle(bad_pictures(known.pictures[0], known.task))
        self._places = (i % LIST for i in count())
        self._draw = {"single": self._single, "list": self._list, "explanation": self._explanation, "bad": self._refused}

    def draw(self, kind: str) -> Case:
        return self._draw[kind]()

    def _single(self) -> Case:
        return _case("single", islice(self._known, 1))

    def _list(self) -> Case:
        pairs: list[tuple[bytes, Expected]] = [*islice(self._known, LIST - 1)]
        pairs.insert(next(self._places), next(self._bad))
        return _case("list", pairs)

    def _explanation(self) -> Case:
        return _case("explanation", islice(self._explained, 1))

    def _refused(self) -> Case:
        return _case("bad", islice(self._bad, 1))


def _case(kind: str, pairs: Iterator[tuple[bytes, Any]] | Sequence[tuple[bytes, Any]]) -> Case:
    pictures, expected = zip(*pairs, strict=True)
    return Case(kind, pictures, expected)
