"""The model reads the pictures of a batch in groups: small requests together, and a long list by itself and for its own time alone.

TorchServe sends the answers of a batch all at once. A model that takes milliseconds for a picture, as that of numbers does, would hold
the whole batch for as long as the longest list takes, and where the batch's time ends with it, refuse its neighbours as well.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from digitkit.errors import DigitError
from digitkit.reader import Input, Result

GROUP: Final = 64  # pictures that are read together, enough to use a processor well; a longer list is a group of its own

Results: TypeAlias = list[Result | DigitError]


def read_in_groups(
    asked: Sequence[Sequence[Input]], read: Callable[[Sequence[Input], float], Results], seconds: float, deadline: float
) -> list[Results]:
    """The results of each request's pictures, in order. The fewer pictures a request has, the sooner they are read.

    Args:
        asked: what the model takes of the pictures of each request.
        read: asks the model, which refuses what it does not come to before a deadline.
        seconds: that a request brings with it; a group has those of all its requests.
        deadline: of the batch, by time.perf_counter().
    """
    results: list[Results] = [[] for _ in asked]
    for group in groups([len(pictures) for pictures in asked]):
        until = min(deadline, time.perf_counter() + seconds * len(group))
        found = iter(read([picture for i in group for picture in asked[i]], until))
        for i in group:
            results[i] = [next(found) for _ in asked[i]]
    return results


def groups(counts: Sequence[int]) -> Iterator[list[int]]:
    """Which requests are read together, by their places, the fewest pictures first; those without a picture are in no group."""
    group: list[int] = []
    pictures = 0
    for i in sorted((i for i, count in enumerate(counts) if count), key=lambda i: counts[i]):
        if group and pictures + counts[i] > GROUP:
            yield group
            group, pictures = [], 0
        group.append(i)
        pictures += counts[i]
    if group:
        yield group
