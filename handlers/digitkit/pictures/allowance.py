"""What one request may have decoded, all its pictures together."""

from dataclasses import dataclass

from digitkit.errors import TooLarge


@dataclass(slots=True)
class Allowance:
    """The pixels that one request may still have decoded, and the pages of documents that it may still bring."""

    limit: int
    spent: int = 0
    pages: int = 0

    def check(self, pixels: int) -> None:
        """Raises TooLarge where a picture's pixels are more than are left."""
        if self.spent + pixels > self.limit:
            raise TooLarge(f"{pixels} pixels after {self.spent} of the same request; the limit for all its pictures is {self.limit}")

    def spend(self, pixels: int) -> None:
        """Count a picture's pixels; raises TooLarge."""
        self.check(pixels)
        self.spent += pixels

    def turn(self, pages: int) -> None:
        """Count a document's pages; raises TooLarge where they are more than are left."""
        if pages > self.pages:
            raise TooLarge(f"a document of {pages} pages or more; {self.pages} are left of those that one request may bring")
        self.pages -= pages
