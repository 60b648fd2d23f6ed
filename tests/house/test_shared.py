"""The tests in several processes: what needs one server runs in one, what takes long is built once, and no two use the same ports."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import ROOT
from served import FIRST_PORT, PORTS, free_port
from shared import WORKER, built_once, group_of


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


def test_all_that_ask_the_common_server_are_one_group_and_the_others_one_a_file() -> None:
    def group(file: str, *fixtures: str) -> str:
        item: Any = SimpleNamespace(path=ROOT / file, fixturenames=fixtures, config=SimpleNamespace(rootpath=ROOT))
        return group_of(item)

    assert group("tests/api/test_doors.py", "client", "server") == group("tests/serving/test_fuzz.py", "server")
    assert group("tests/serving/test_fuzz.py", "limits") == "tests/serving/test_fuzz.py"


def test_each_process_has_ports_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        monkeypatch.setenv(WORKER, f"gw{number}")
        assert FIRST_PORT + number * PORTS <= free_port() < FIRST_PORT + (number + 1) * PORTS
