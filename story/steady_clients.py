"""What goes on around the story without a pause: clients that ask, and the splitter that they ask."""

import itertools
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import requests

from deploy.machine.local import client
from deploy.server import Server, ServerError
from promotion.promotion_places import Places
from promotion.traffic.splitter import Splitter
from testbed.apps import serving
from testbed.pictures import LabelledPicture

CLIENTS: Final = 2
PAUSE_S: Final = 0.2  # of a client between an answer and its next request: the trainings need the processor, too
ANSWER_TIMEOUT_S: Final = 60.0


@contextmanager
def splitting(server: Server) -> Iterator[str]:
    """The address of a splitter in front of a server, as make splitter starts one; it runs in a thread."""
    places = Places.of(server)
    places.folder.mkdir(parents=True, exist_ok=True)
    app: Any = Splitter(server.inference, places, int(server.settings.value("max_request_size")))
    with serving(app, lifespan="on") as address:
        yield address


class SteadyClients:
    """Clients that ask one picture after another, each once.

    Attributes:
        pictures: that are asked in turn; who runs the story changes them.
        answered: how many requests each version of the model has answered with 200.
        lost: what became of all others, by status or by what went wrong.

    Args:
        url: of the predictions.
        headers: with the token.
    """

    def __init__(self, url: str, headers: dict[str, str], pictures: Sequence[LabelledPicture]) -> None:
        self.pictures = pictures
        self.answered, self.lost = Counter[str](), Counter[str]()
        self._url, self._headers = url, headers
        self._numbers, self._lock, self._ended = itertools.count(), threading.Lock(), threading.Event()

    def __enter__(self) -> "SteadyClients":
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with client() as session:
            while not self._ended.wait(PAUSE_S):
                pictures, number = self.pictures, next(self._numbers)
                png = pictures[number % len(pictures)].png
                try:
                    answer = session.post(self._url, data=png, headers=self._headers, timeout=ANSWER_TIMEOUT_S)
                    is_answered, told = answer.status_code == requests.codes.ok, answer.headers.get("X-Model-Version", "")
                    told = told if is_answered else str(answer.status_code)
                except requests.RequestException as err:
                    is_answered, told = False, type(err).__name__
                with self._lock:
                    (self.answered if is_answered else self.lost)[told] += 1


def share_read(url: str, headers: dict[str, str], pictures: Sequence[LabelledPicture]) -> float:
    """The share of pictures that the default version reads right, 0 to 1; raises ServerError if one is not answered."""
    right = 0
    with client() as session:
        for picture in pictures:
            answer = session.post(url, data=picture.png, headers=headers, timeout=ANSWER_TIMEOUT_S)
            if answer.status_code != requests.codes.ok:
                raise ServerError(f"a picture was answered {answer.status_code}: {answer.text}")
            right += answer.json()["digit"] == picture.label
    return right / len(pictures)
