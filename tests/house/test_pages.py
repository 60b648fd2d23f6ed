"""The pages for those who work on the project name files that there are, and state the graph of imports as it is held."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from conftest import HANDLERS, ROOT
from test_layout import GRAPH

PAGES = ("CONTRIBUTING.md", "docs/architecture.md")
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|md|toml|yaml|yml|properties|xml))`")
CODE = (".py", ".js", ".css", ".html")
CLIENT = ROOT / "client" / "src" / "digits_client"
ROOTS = (ROOT, HANDLERS, HANDLERS / "digitkit", ROOT / "training", CLIENT)


def named_files(page: str) -> list[str]:
    return sorted({name for name in PATH.findall((ROOT / page).read_text()) if "TASK" not in name})


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    names = named_files(page)
    assert len(names) > 20
    rooms = (HANDLERS, CLIENT, *(ROOT / name for name in ("training", "export", "deploy", "scoring", "promotion")))
    everywhere = {path.name for room in rooms for path in room.rglob("*.*")}
    assert [name for name in names if name not in everywhere and not any((root / name).exists() for root in ROOTS)] == []


def test_the_table_of_imports_is_the_graph_that_the_code_is_held_to() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (.+?) \|", (ROOT / "docs/architecture.md").read_text(), re.M)
    told = {package: set(re.findall(r"`(\w+)`", allowed)) for packages, allowed in rows for package in re.findall(r"`(\w+)`", packages)}
    assert told == GRAPH


def test_every_folder_of_more_than_a_dozen_files_has_its_reason() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    code = [Path(name) for name in files if name.endswith(CODE) and not name.endswith("__init__.py")]
    full = {f"{folder}/" for folder, count in Counter(file.parent for file in code).items() if count > 12}
    (section,) = re.findall(r"^## Folders of more than a dozen files$(.*?)^## ", (ROOT / "docs/architecture.md").read_text(), re.M | re.S)
    assert set(re.findall(r"`([\w/]+/)`", "".join(re.findall(r"^\| (`.*?) \|", section, re.M)))) == full
