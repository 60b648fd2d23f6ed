"""The client that waits for each answer."""

import threading
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from digits_client.calls import Template, ask_digit, ask_drawing, ask_explanation, ask_numbers, known_beforehand, predict_path
from digits_client.errors import ClientClosed, Refused, Unavailable
from digits_client.inputs import Picture
from digits_client.lists import AHEAD, Cutter, Listed, ask_list, cut
from digits_client.options import Options, to_endpoint
from digits_client.results import Digit, Explanation, NumbersFound
from digits_client.tokens import Credentials, TokenSource
from digits_client.trying import Event, Exchange, Patience, Send, Step, T, Wait


class Client:
    """Reads pictures by a server of digits. It may be shared by threads; close it at the end, or use it in a `with`.

    A call asks again, as docs/api.md says, while the server is restarted or overloaded, and ends with a DigitsError otherwise. A picture
    is a path, the bytes of a file, a Pillow image, or a NumPy array.

    Args:
        url: as http://127.0.0.1:8080, https://…, or grpc://127.0.0.1:7070 with the extra grpc; that of DIGITS_URL if there is none.
        token: the inference token, or a callable that returns it and is called again when the server has refused it, as
            key_file(path) is; that of DIGITS_TOKEN if there is none.
    Raises:
        AddressError: there is no address, or none that can be used.
    """

    def __init__(self, url: str | None = None, token: TokenSource | None = None, *, options: Options | None = None) -> None:
        from digits_client.carrier import Carrier

        self.options = options or Options()
        self._endpoint = to_endpoint(url)
        self._credentials = Credentials(token)
        self._carrier = Carrier(self._endpoint, self.options)
        self._closed = threading.Event()

    def read(self, picture: Picture) -> Digit:
        """The digit in a picture, which may be not accepted.

        Raises:
            Refused: the server cannot read the picture, or does not take the token.
            Unavailable: it did not answer, or not in time, until the patience was over.
            PictureError: what was given is no picture.
        """
        return self._run(ask_digit(picture, model=self.options.model, patience_s=self.options.patience_s))

    def read_many(self, pictures: Iterable[Picture]) -> Generator[Digit | Refused, None, None]:
        """The digits of any number of pictures, in their order, from a few large requests at once.

        Pictures are taken from the iterable as they are needed, and only those of the requests in flight are in memory. In the place of
        a picture that cannot be read stands the error, which is not raised.

        Raises:
            InvalidToken, NotFound: no picture can be read.
            Unavailable: as read(); what was read before has been handed out by then.
        """
        cutter = Cutter(self.options.list_pictures, self.options.list_bytes)
        waiting: deque[Future[list[Digit | Refused]]] = deque()
        executor = ThreadPoolExecutor(self.options.lists_in_flight, thread_name_prefix="digits-client")
        try:
            for each in cut(pictures, cutter):
                waiting.append(executor.submit(self._read_list, each))
                if len(waiting) > AHEAD * self.options.lists_in_flight:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            executor.shutdown(wait=False, cancel_futures=True)

    def explain(self, picture: Picture, *, target: int | None = None) -> Explanation:
        """Which pixels speak for a digit: the one that was read, or `target`. Raises as read()."""
        return self._run(ask_explanation(picture, model=self.options.model, target=target, patience_s=self.options.patience_s))

    def draw_explanation(self, picture: Picture, *, target: int | None = None) -> bytes:
        """The explanation as a PNG of 280 x 280 pixels, red where a pixel speaks for the digit. Raises as read()."""
        return self._run(ask_drawing(picture, model=self.options.model, target=target, patience_s=self.options.patience_s))

    def read_numbers(
        self,
        document: Picture,
        format: str | None = None,
        *,
        template: Template | None = None,
        pages: str | int | None = None,
        words: str | None = None,
    ) -> NumbersFound:
        """The numbers in a picture or document. Raises as read().

        Args:
            format: what all numbers must be, as "amount" or "date".
            template: where they stand, by a template's name or as a dict; the answer then has fields.
            pages: of the document that are read, from 1 on: 3, "3-7" or "8-"; all of them if there are none.
            words: the amount in words, as "twelve and 50/100 dollars", which the figures are weighed against.
        """
        known, model = known_beforehand(format, template, pages, words), self.options.numbers_model
        return self._run(ask_numbers(document, known, model=model, patience_s=self.options.patience_s))

    def close(self) -> None:
        """Close the connections. Calls that are under way in other threads end with ClientClosed or Unreachable."""
        self._closed.set()
        self._carrier.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _read_list(self, pictures: list[Listed]) -> list[Digit | Refused]:
        path, patience = predict_path(self.options.model), Patience(self.options.patience_s)
        return self._run(ask_list(path, pictures, patience, forms=not self._endpoint.is_grpc))

    def _run(self, exchange: Exchange[T]) -> T:
        event: Event = None
        while True:
            try:
                step = exchange.send(event)
            except StopIteration as end:
                result: T = end.value
                return result
            event = self._take(step)

    def _take(self, step: Step) -> Event:
        if self._closed.is_set():
            raise ClientClosed("the client was closed")
        if isinstance(step, Send):
            return self._carrier.post(step)
        if isinstance(step, Wait):
            self._closed.wait(step.seconds)
            return None
        try:
            return self._credentials.blocking(step.refused)
        except Unavailable as error:
            return error
