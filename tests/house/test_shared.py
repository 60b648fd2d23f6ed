"""The tests in several processes: what needs one server runs in one, what takes long is built once, and no two use the same ports."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import ROOT
from served import FIRST_PORT, PORTS, free_port
from shared import LONGEST, THEIRS, WORKER, asks_the_server, built_once, group_of, longest_first


def base(folder: Path) -> Any:
    """A factory of temporary folders whose own folder is this one."""
    folder.mkdir()
    return SimpleNamespace(getbasetemp=lambda: folder)


def test_what_several_processes_ask_for_at_once_is_built_by_the_first_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKER, "gw0")
    factories, together, builds = [base(tmp_path / f"popen-gw{i}") for i in range(4)], Barrier(4), list[Path]()

    def build(folder: Path) -> None:
        builds.append(folder)
        (folder / "file").write_text("whole")

    def ask(factory: Any) -> str:
        together.wait()
        return (built_once(factory, "thing", build) / "file").read_text()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, factories)) == ["whole"] * 4
    assert builds == [tmp_path / "thing"]


def test_what_could_not_be_built_is_built_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WORKER, raising=False)
    factory = base(tmp_path / "alone")

    def fail(folder: Path) -> None:
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        built_once(factory, "thing", fail)
    assert built_once(factory, "thing", lambda folder: None) == tmp_path / "alone" / "thing"


def test_the_files_that_ask_the_common_server_are_known_by_their_tests_and_fixtures(tmp_path: Path) -> None:
    def asks(code: str) -> bool:
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.py"
        file.write_text(code)
        return asks_the_server(file)

    own = "@pytest.fixture(scope='module')\ndef server(store): ...\n"
    assert asks("def test_a(server): ...")
    assert asks("@pytest.fixture\ndef probe(server): ...\ndef test_a(probe): ...")
    assert asks("@pytest.fixture\ndef client(server): ...\ndef test_a(client): ...")
    assert not asks("def ask(server): ...\ndef test_a(store): ...")
    assert not asks(f"{own}def test_a(server): ...")


def test_the_real_files_fall_into_their_groups() -> None:
    asking = ("api/test_doors.py", "deploy/test_monitoring_server.py", "serving/test_fuzz.py", "loadtest/test_loadtest_server.py")
    apart = ("chaos/test_chaos_server.py", "readers/test_second_reader.py", "deploy/test_rollback.py", "bench/test_bench_servers.py")
    assert [name for name in (*asking, *apart) if asks_the_server(ROOT / "tests" / name)] == list(asking)


def test_the_longest_groups_begin_first_and_all_else_keeps_its_order() -> None:
    files = ("tests/house/test_names.py", LONGEST[-1], "tests/house/test_pages.py", "tests/api/test_doors.py", LONGEST[-1])
    tests: list[Any] = [SimpleNamespace(nodeid=f"{file}::test_{i}") for i, file in enumerate(files)]
    longest_first(tests, ROOT)
    assert [test.nodeid[-1] for test in tests] == list("31402")


def test_the_longest_groups_are_those_that_there_are() -> None:
    groups = {group_of(str(file.relative_to(ROOT)), ROOT) for file in (ROOT / "tests").rglob("test_*.py")}
    assert LONGEST[0] == THEIRS
    assert groups >= set(LONGEST)


def test_each_process_has_ports_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        monkeypatch.setenv(WORKER, f"gw{number}")
        assert FIRST_PORT + number * PORTS <= free_port() < FIRST_PORT + (number + 1) * PORTS


def test_the_fixtures_are_read_without_torch_and_leave_one_thread_to_compute_on() -> None:
    asked = "import conftest, os, sys; print('torch' in sys.modules, os.environ['OMP_NUM_THREADS'])"
    fresh = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT / "tests", env=fresh, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "1"]
