"""The clients that do harm do what they are named for, and their requests are what they claim to be."""

import asyncio
import io

import numpy as np
import pytest
from flaky import GOOD, QUESTION, Flaky, against, error

from chaos.clients.hostile import CHUNK_BYTES, Poured, dribble, hang_up, pour, sit
from chaos.clients.questions import poison, unauthorised
from testbed.connection import Pool


class Refusing(Flaky):
    """Answers as soon as the head is there and hangs up, so that the body stays with its sender."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: set[str] = set()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sources.add(writer.get_extra_info("peername")[0])
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 400 no\r\nContent-Length: 0\r\n\r\n")
        writer.close()


def test_those_who_hang_up_and_those_who_dribble_do_so() -> None:
    server = Flaky((200, GOOD))

    async def test(pool: Pool, url: str) -> tuple[int, int]:
        return await hang_up(url, QUESTION.request("a"), 20, 1.0), await dribble(url, QUESTION.request("a"), 3, 0.1, 0.02)

    sent, left = against(server, test)
    assert 0 < sent <= 20
    assert left == 3
    assert len(server.connections) == sent + 3


def test_a_large_body_that_is_taken_counts_whole_with_its_answer() -> None:
    request = QUESTION.request("a").replace(b"Content-Length: 7", b"Content-Length: 200000") + bytes(200_000 - 7)
    poured = against(Flaky(error(503)), lambda pool, url: pour(url, request, 3))
    assert poured == [Poured(503, len(request))] * 3


def test_a_large_body_that_is_refused_stays_with_its_sender() -> None:
    server, request = Refusing(), unauthorised("digits", 50_000_000)
    poured = against(server, lambda pool, url: pour(url, request, 3))
    assert {each.status for each in poured} <= {0, 400}  # whoever is reset in the midst of sending may never read the answer
    assert all(each.taken < len(request) for each in poured)
    assert server.sources == {"127.0.0.2"}


def test_those_who_sit_are_counted_while_the_server_keeps_them() -> None:
    server = Flaky((200, GOOD))

    async def test(pool: Pool, url: str) -> list[int]:
        async def end_two() -> None:
            await asyncio.sleep(0.2)
            server.connections[0].write(b"HTTP/1.1 408 too late\r\n\r\n")  # which nobody reads
            for writer in server.connections[:2]:
                writer.close()

        ending = asyncio.create_task(end_two())
        counts = await sit(url, 5, (0.1, 0.4))
        await ending
        return counts

    assert against(server, test) == [5, 3]


def test_nobody_sits_where_nobody_listens() -> None:
    assert asyncio.run(sit("http://127.0.0.1:1", 3, (0.0,))) == [0]


def test_a_request_without_a_token_is_as_large_as_it_says() -> None:
    head, _, body = unauthorised("digits", CHUNK_BYTES).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Authorization" not in head


def test_the_poison_file_is_one_that_numpy_opens_and_whose_shape_is_no_number() -> None:
    body = poison("digits").body
    assert len(body) == 912
    file = io.BytesIO(body)
    assert np.lib.format.read_magic(file) == (1, 0)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    assert (shape, dtype) == ((True, 784), np.uint8)
    assert len(file.read()) == 784
    with pytest.raises(TypeError):
        np.load(io.BytesIO(body))
