"""The reports of trainings and load tests, which are files in reports/, as links of the page."""

from dataclasses import dataclass
from pathlib import Path

from console.refusal import Denied

SUFFIXES = (".html", ".png")


@dataclass(frozen=True, slots=True)
class Reports:
    """The folder with the reports; it need not exist."""

    folder: Path

    def listed(self) -> list[dict[str, str]]:
        """A title and a path for each report, the newest of each kind first."""
        found = sorted(self.folder.glob("**/report.html"), key=lambda path: path.stat().st_mtime, reverse=True)
        names = [path.relative_to(self.folder) for path in found]
        return [{"title": _title(name.parent), "href": f"reports/{name}"} for name in names]

    def find(self, name: str) -> Path:
        """The file of a report, or a picture beside it; raises Denied if there is none, or if it lies elsewhere."""
        root = self.folder.resolve()
        path = (root / name).resolve()
        if not path.is_relative_to(root) or path.suffix not in SUFFIXES or not path.is_file():
            raise Denied(404, "NotFound", "there is no such report")
        return path


def _title(place: Path) -> str:
    kind, *rest = place.parts
    return f"Load test: {' '.join(rest)}" if kind == "loadtest" else f"Training: {place}"
