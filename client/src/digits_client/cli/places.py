"""Where the command looks for the server and its tokens: flags, the environment, and the files of a server that runs here."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from digits_client.blocking import Client
from digits_client.options import TOKEN_VARIABLE, Options
from digits_client.tokens import INFERENCE, TokenSource, key_file

DEFAULT_URL = "http://127.0.0.1:8080"
KINDS = (INFERENCE, "management", "API")
VARIABLES = {INFERENCE: TOKEN_VARIABLE, "management": "DIGITS_MANAGEMENT_TOKEN"}
KEY_FILE = "key_file.json"


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """A token, and where it was found.

    Attributes:
        words: for people.
        expires: until when TorchServe accepts it, as far as that is known.
    """

    words: str
    source: TokenSource
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The server that the command asks.

    Attributes:
        key_file: TorchServe's file of tokens, "" to look for one.
    """

    url: str
    key_file: str

    def client(self, options: Options) -> Client:
        """A client of that server; raises AddressError."""
        return Client(self.url, self.token().source, options=options)

    def token(self, kind: str = INFERENCE) -> TokenPlace:
        """The token of one of KINDS: that of the file that was named, of the environment, or of a server that was started here.

        A file is taken without being named only if it belongs to who asks, since the tokens of others are not this command's to use.
        """
        if self.key_file:
            return _in_file(Path(self.key_file), kind)
        if variable := os.environ.get(VARIABLES.get(kind, ""), ""):
            return TokenPlace(f"the variable {VARIABLES[kind]}", variable)
        for path in self._key_files():
            if path.is_file() and path.stat().st_uid == os.getuid():
                return _in_file(path, kind)
        return TokenPlace("nowhere", "")

    def beside(self, distance: int) -> str:
        """The address of another API of the same server, whose port is that much higher than that of the inference API."""
        parts = urlsplit(self.url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{parts.scheme}://{host}:{(parts.port or 80) + distance}"

    def _key_files(self) -> Iterator[Path]:
        """Where a server that was started from this folder leaves its tokens: by make, and by torchserve itself."""
        yield Path("run", str(urlsplit(self.url).port), KEY_FILE)
        yield Path(KEY_FILE)


def _in_file(path: Path, kind: str) -> TokenPlace:
    place = TokenPlace(str(path), key_file(path, kind))
    try:
        return replace(place, expires=datetime.fromisoformat(json.loads(path.read_text())[kind]["expiration time"]))
    except (OSError, ValueError, KeyError, TypeError):
        return place  # reading the token itself tells what is wrong
