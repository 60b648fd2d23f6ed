"""A signature under the notes of a promotion, with a key of this machine.

Between the verdict and the last step lie minutes, or a crash and a day. Whoever may write to the folders of runs and of the model store
in that time, but cannot read the key, cannot have another archive served: a promotion only goes on with what was signed at its beginning.
"""

import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import Any

from promotion.errors import NotPromoted
from promotion.json_file import write_json

KEY_BYTES = 32


class Seal:
    """Signs and checks by HMAC-SHA256. The key is made by the first who signs, readable for its user alone.

    Args:
        key: the file with the key.
    """

    def __init__(self, key: Path) -> None:
        self._path = key

    def write(self, path: Path, content: dict[str, Any]) -> None:
        """Write `content` and its signature, at once or not at all."""
        write_json(path, {"content": content, "signature": self._signature(content)})

    def read(self, path: Path) -> dict[str, Any] | None:
        """What was written to `path`; None if nothing was.

        Raises:
            NotPromoted: it is not as it was written here.
        """
        if not path.is_file():
            return None
        try:
            told = json.loads(path.read_text())
            content, signature = told["content"], told["signature"]
            is_ours = isinstance(content, dict) and hmac.compare_digest(str(signature).encode(), self._signature(content).encode())
        except (ValueError, KeyError, TypeError) as err:
            raise NotPromoted(f"{path} cannot be read; remove it, and promote anew") from err
        if not is_ours:
            raise NotPromoted(f"{path} was not signed with {self._path}, so somebody else has written it; look who, then remove it")
        return dict(content)

    def _signature(self, content: dict[str, Any]) -> str:
        text = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
        return hmac.new(self._key(), text, hashlib.sha256).hexdigest()

    def _key(self) -> bytes:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
            return self._path.read_bytes()
