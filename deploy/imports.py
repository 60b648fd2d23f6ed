"""Which of our files a module needs, itself first: `python3.11 deploy/imports.py training.train export.to_mar`, for make.

It prints a word "module:file" for each. What a module imports, directly or through others, is what its output may depend on,
so make rebuilds weights and archives when one of these files changes, and only then. The machine's own Python runs this
before there is an environment: standard library only.
"""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOTS = (ROOT, ROOT / "handlers")  # the folders that hold our packages


def find(module: str) -> Path | None:
    """The file of one of our modules or packages; None for any other name."""
    inside = Path(*module.split("."))
    files = [root / path for root in ROOTS for path in (inside.with_suffix(".py"), inside / "__init__.py")]
    return next((file for file in files if file.is_file()), None)


def named(file: Path) -> Iterator[str]:
    """Every module that a file may import, also inside functions.

    `from a import b` may mean the module a.b as well as a name inside a.
    """
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def imports(module: str) -> tuple[str, ...]:
    """Our modules that a module imports directly, with the parent packages, which Python runs first."""
    file = find(module)
    found = set(named(file)) if file else set()
    parents = {name.rpartition(".")[0] for name in {module, *found}}
    return tuple(sorted(name for name in found | parents if name and name != module and find(name)))


def needs(module: str) -> list[Path]:
    """The files of a module and of all that it imports, directly or through others, in a stable order.

    Raises:
        ModuleNotFoundError: `module` is not one of ours.
    """
    if find(module) is None:
        raise ModuleNotFoundError(f"{module} is not a module of this project")
    known, waiting = dict[str, None](), [module]
    while waiting:
        name = waiting.pop()
        if name not in known:
            known[name] = None
            waiting += imports(name)
    first, *others = known
    return [file for file in map(find, [first, *sorted(others)]) if file is not None]


def main() -> None:
    for module in sys.argv[1:]:
        for file in needs(module):
            print(f"{module}:{file.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
