"""Where the token comes from: a text, the environment, a callable, or the file that TorchServe writes at each start."""

import inspect
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias, cast

from digits_client.errors import TokenUnavailable
from digits_client.options import TOKEN_VARIABLE

TokenSource: TypeAlias = str | Callable[[], str | Awaitable[str]]
INFERENCE = "inference"


def key_file(path: Path | str, kind: str = INFERENCE) -> Callable[[], str]:
    """A token that is read from TorchServe's key_file.json, again whenever the server has refused it.

    Args:
        kind: inference, management or API, as the file has them.
    """

    def read() -> str:
        try:
            return cast(str, json.loads(Path(path).read_text())[kind]["key"])
        except (OSError, ValueError, KeyError, TypeError) as err:
            raise TokenUnavailable(f"no {kind} token in {path}; TorchServe writes the file when it starts") from err

    return read


class Credentials:
    """The token that is in use. All requests of a client share it, so that it is read once and not by each of them."""

    def __init__(self, source: TokenSource | None) -> None:
        self.source = os.environ.get(TOKEN_VARIABLE, "") if source is None else source
        self.known: str | None = self.source if isinstance(self.source, str) else None

    def read(self, refused: str | None) -> str | Awaitable[str] | None:
        """The token in use if it is not the refused one, otherwise a new one; None if there can be no other."""
        if self.known is not None and self.known != refused:
            return self.known
        return None if isinstance(self.source, str) else self.source()

    def blocking(self, refused: str | None) -> str | None:
        """read() for a client that waits; the callable must not be a coroutine function."""
        if inspect.iscoroutinefunction(self.source):
            raise TypeError("the token comes from a coroutine function, which only AsyncClient takes")
        found = self.read(refused)
        assert not isinstance(found, Awaitable), found
        self.known = found or self.known
        return found

    async def awaited(self, refused: str | None) -> str | None:
        """read() for a client that does not wait; the callable may be a coroutine function."""
        found = self.read(refused)
        token = await found if inspect.isawaitable(found) else found
        self.known = token or self.known
        return token
