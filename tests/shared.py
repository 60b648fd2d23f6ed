"""What the processes that run the tests side by side share: who runs what, and what takes long to build, which is built once."""

import ast
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

COMMON = {"server", "client"}  # fixtures of served.py
THEIRS = "server"  # the group of the files that ask for them
# The groups that take longest, each half a minute and more: they begin first, so that no process is left with one when the other has ended.
LONGEST = (
    THEIRS,
    "tests/chaos/test_chaos_server.py",
    "tests/bench/test_bench_servers.py",
    "tests/training/test_finetune.py",
    "tests/deploy/test_rollback.py",
    "tests/training/test_training.py",
    "tests/training/test_training_docs.py",
    "tests/training/test_parallel.py",
    "tests/bench/test_bench_gpu.py",
    "tests/house/test_imports.py",
)
WORKER = "PYTEST_XDIST_WORKER"  # "gw0", "gw1" and so on where there are several


def number_of_this_process() -> int:
    """From 0 up; 0 where the tests run in one process."""
    return int(os.environ.get(WORKER, "gw0").removeprefix("gw"))


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """Wait until no other process holds the lock, and hold it."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def built_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """The folder `name` that `build` fills: by the first process that asks for it, while the others wait."""
    base = factory.getbasetemp()
    folder = (base.parent if WORKER in os.environ else base) / name
    done = folder.with_suffix(".done")
    with held(folder.with_suffix(".lock")):
        if not done.exists():
            folder.mkdir(exist_ok=True)
            build(folder)
            done.touch()
    return folder


@cache
def asks_the_server(file: Path) -> bool:
    """Whether a test or a fixture in the file asks for the common server, or its client, by name."""
    functions = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)]
    asking = [each for each in functions if each.name.startswith("test_") or "fixture" in map(_last_name, each.decorator_list)]
    asked = {argument.arg for each in asking for argument in each.args.args}
    return bool(asked & COMMON - {each.name for each in asking})


def _last_name(decorator: ast.expr) -> str:
    """Of @pytest.fixture and @pytest.fixture(scope="module"): fixture."""
    inner = decorator.func if isinstance(decorator, ast.Call) else decorator
    return inner.attr if isinstance(inner, ast.Attribute) else ""


def group_of(test: str, root: Path) -> str:
    """The group in which a test of this id runs: that of the common server, or its own file."""
    name = test.partition("::")[0]
    return THEIRS if asks_the_server(root / name) else name


def longest_first(tests: list[pytest.Item], root: Path) -> None:
    """Sort the tests of LONGEST to the front, and leave all others in their order."""
    groups = [group_of(test.nodeid, root) for test in tests]
    ranks = [LONGEST.index(group) if group in LONGEST else len(LONGEST) for group in groups]
    tests[:] = [tests[i] for i in sorted(range(len(tests)), key=ranks.__getitem__)]


class ByServer(LoadScopeScheduling):
    """Hands a whole group of tests to a process at a time: all files that ask the common server are one, every other file is its own.

    The marks of xdist's loadgroup would say the same, but xdist 3.8 writes them where pytest 9.2 no longer looks.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid, self.config.rootpath)
