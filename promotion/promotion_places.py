"""Where the files of a promotion lie."""

from dataclasses import dataclass
from pathlib import Path

from deploy.server import Server


@dataclass(frozen=True, slots=True)
class Places:
    """The files by which a promotion, the splitter and the next promotion know of one another.

    Attributes:
        folder: beside the server's tokens.
        store: the model store that the server starts from.
    """

    folder: Path
    store: Path

    @classmethod
    def of(cls, server: Server) -> "Places":
        return cls(server.folder / "promotion", server.model_store)

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def key(self) -> Path:
        return self.folder / "key"

    @property
    def notes(self) -> Path:
        """What is being promoted and how far it is, signed."""
        return self.folder / "notes.json"

    @property
    def staged(self) -> Path:
        """The folder with the challenger's archives."""
        return self.folder / "staged"

    @property
    def staged_weights(self) -> Path:
        return self.staged / "champion.pt"

    @property
    def champion(self) -> Path:
        """The weights that were promoted last, with their card: what the next ones start from and are compared with."""
        return self.store / "champion.pt"

    @property
    def route(self) -> Path:
        return self.folder / "route.json"

    @property
    def tally(self) -> Path:
        return self.folder / "tally.json"

    @property
    def record(self) -> Path:
        """A line of JSON for each promotion that was begun, beside the archives that it speaks of."""
        return self.store / "promotions.jsonl"
