"""The answers of docs/uses.md: what the released weights read in the page's pictures when they are asked as its commands ask."""

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Final

from digitkit.errors import DigitError
from digitkit.pictures.allowance import Allowance
from digitkit.reader import Hints, Recogniser
from digitkit.readers.numbers.reader import READER
from digitkit.settings import Settings
from training.evaluate.served import MODEL_CONFIG

# A command, and its answer in the block behind it.
BLOCKS: Final = re.compile(r"(?<=^```sh\n)(curl .*?)\n```\n\n```\n(.*?)^```", re.M | re.S)
PLAIN: Final = "text/plain"
PATIENCE_S: Final = 3600  # for a picture: what is answered does not depend on how busy the machine is


class Answerer:
    """Answers the page's commands as a server with these weights does, without one."""

    def __init__(self, weights: Path) -> None:
        """Raises CardError or SettingsError; a finder beside the weights is taken too."""
        shipped = Settings.read(MODEL_CONFIG)
        self.settings = replace(shipped, limits=replace(shipped.limits, request_seconds=PATIENCE_S))
        self.loaded: Recogniser = READER.load(weights, self.settings, None)

    def answer(self, command: str, root: Path) -> str:
        """The text that a line of curl prints; its file is looked for under `root`. Raises the DigitError that refuses it."""
        words = shlex.split(command)
        given = [words[i + 1].partition(": ") for i, word in enumerate(words) if word == "-H"]
        headers = {name.lower(): value for name, _, value in given}
        limits = self.settings.limits
        sent = (root / words[words.index("-T") + 1]).read_bytes()
        file = READER.open_file(sent, limits, Allowance(limits.request_pixels, pages=limits.pages))
        known = READER.parse_hints(Hints(*(headers.get(f"x-{name}", "") for name in Hints._fields)))
        (read,) = self.loaded.read([READER.prepare(file, known)], float("inf"))
        if isinstance(read, DigitError):
            raise read
        return READER.media[headers.get("accept", PLAIN)](read).decode().replace("\r\n", "\n").rstrip("\n") + "\n"


def with_answers(page: str, answerer: Answerer, root: Path) -> str:
    """A page with the answers to all of its commands in their places."""
    return BLOCKS.sub(lambda found: f"{found[1]}\n```\n\n```\n{answerer.answer(found[1], root)}```", page)
