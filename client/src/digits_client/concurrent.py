"""The client for asyncio."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from types import TracebackType
from typing import Self

from digits_client.calls import Template, ask_digit, ask_drawing, ask_explanation, ask_numbers, known_beforehand, predict_path
from digits_client.errors import Refused, Unavailable
from digits_client.inputs import Picture
from digits_client.lists import AHEAD, Cutter, Listed, ask_list
from digits_client.options import Options, to_endpoint
from digits_client.results import Digit, Explanation, NumbersFound
from digits_client.tokens import Credentials, TokenSource
from digits_client.trying import Event, Exchange, Patience, Send, Step, T, Wait


class AsyncClient:
    """Client for asyncio: the same calls with the same errors, each of which ends at once when its task is cancelled.

    Args:
        url: as that of Client.
        token: as that of Client; the callable may be a coroutine function.
    """

    def __init__(self, url: str | None = None, token: TokenSource | None = None, *, options: Options | None = None) -> None:
        from digits_client.carrier import AsyncCarrier

        self.options = options or Options()
        self._endpoint = to_endpoint(url)
        self._credentials = Credentials(token)
        self._carrier = AsyncCarrier(self._endpoint, self.options)

    async def read(self, picture: Picture) -> Digit:
        """As Client.read()."""
        return await self._run(ask_digit(picture, model=self.options.model, patience_s=self.options.patience_s))

    async def read_many(self, pictures: Iterable[Picture] | AsyncIterable[Picture]) -> AsyncGenerator[Digit | Refused, None]:
        """As Client.read_many(), of pictures that may also come from an asynchronous iterable."""
        waiting: deque[asyncio.Task[list[Digit | Refused]]] = deque()
        free = asyncio.Semaphore(self.options.lists_in_flight)
        try:
            async for each in self._lists(pictures):
                waiting.append(asyncio.create_task(self._read_list(each, free)))
                if len(waiting) > AHEAD * self.options.lists_in_flight:
                    for answer in await waiting.popleft():
                        yield answer
            while waiting:
                for answer in await waiting.popleft():
                    yield answer
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def explain(self, picture: Picture, *, target: int | None = None) -> Explanation:
        """As Client.explain()."""
        return await self._run(ask_explanation(picture, model=self.options.model, target=target, patience_s=self.options.patience_s))

    async def draw_explanation(self, picture: Picture, *, target: int | None = None) -> bytes:
        """As Client.draw_explanation()."""
        model, patience_s = self.options.model, self.options.patience_s
        return await self._run(ask_drawing(picture, model=model, target=target, patience_s=patience_s))

    async def read_numbers(
        self,
        document: Picture,
        format: str | None = None,
        *,
        template: Template | None = None,
        pages: str | int | None = None,
        words: str | None = None,
    ) -> NumbersFound:
        """As Client.read_numbers()."""
        known, model = known_beforehand(format, template, pages, words), self.options.numbers_model
        return await self._run(ask_numbers(document, known, model=model, patience_s=self.options.patience_s))

    async def close(self) -> None:
        """Close the connections."""
        await self._carrier.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def _lists(self, pictures: Iterable[Picture] | AsyncIterable[Picture]) -> AsyncIterator[list[Listed]]:
        cutter = Cutter(self.options.list_pictures, self.options.list_bytes)
        async for picture in _each(pictures):
            for each in cutter.add(picture):
                yield each
        for each in cutter.rest():
            yield each

    async def _read_list(self, pictures: list[Listed], free: asyncio.Semaphore) -> list[Digit | Refused]:
        async with free:
            path, patience = predict_path(self.options.model), Patience(self.options.patience_s)
            return await self._run(ask_list(path, pictures, patience, forms=not self._endpoint.is_grpc))

    async def _run(self, exchange: Exchange[T]) -> T:
        event: Event = None
        while True:
            try:
                step = exchange.send(event)
            except StopIteration as end:
                result: T = end.value
                return result
            event = await self._take(step)

    async def _take(self, step: Step) -> Event:
        if isinstance(step, Send):
            return await self._carrier.post(step)
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            return None
        try:
            return await self._credentials.awaited(step.refused)
        except Unavailable as error:
            return error


async def _each(pictures: Iterable[Picture] | AsyncIterable[Picture]) -> AsyncIterator[Picture]:
    if isinstance(pictures, AsyncIterable):
        async for picture in pictures:
            yield picture
    else:
        for picture in pictures:
            yield picture
