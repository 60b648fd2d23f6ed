"""What a file imports, read without running it."""

import ast
from collections.abc import Iterator
from pathlib import Path


def imports_of(path: Path) -> Iterator[str]:
    """The top-level modules that a file names in its imports, wherever they stand in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level else (node.module or "").partition(".")[0]
