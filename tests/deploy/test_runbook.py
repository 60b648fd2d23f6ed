"""docs/runbook.md says what works: make knows its commands, its curl lines are answered, its links lead somewhere."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from deploy.server import Server

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs" / "runbook.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", DOCS, re.M | re.S)
COMMANDS = [line.partition("   ")[0] for block in BLOCKS for line in block.splitlines()]
RENEWAL = "token?type="  # it makes the token of every other client void; docs/faults.md has it too


def commands_with(word: str) -> list[str]:
    found = [command for command in COMMANDS if command.startswith(word)]
    assert found
    return found


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^a-z0-9_ -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_every_command_is_of_a_kind_that_is_tested_here() -> None:
    assert set(COMMANDS) == set(commands_with("make ") + commands_with("curl ") + commands_with("TOKEN="))


@pytest.mark.parametrize("command", commands_with("make "))
def test_every_make_command_is_one_that_make_knows(command: str) -> None:
    dry = subprocess.run(["make", "--dry-run", *command.split()[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert dry.returncode == 0, dry.stderr


def test_rollback_hands_port_and_version_on() -> None:
    command = ["make", "--dry-run", "--no-print-directory", "rollback"]
    environment = os.environ | {"VERSION": "9.9"}  # which is of something else
    plain = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=environment)
    command += ["VERSION=1.1", "PORT=18080"]
    forward = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=environment)
    assert shlex.split(plain.stdout)[1:] == ["-m", "deploy.rollback", "--port", ""]
    assert shlex.split(forward.stdout)[1:] == ["-m", "deploy.rollback", "--port", "18080", "--version", "1.1"]


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^):]+)\)", DOCS))))
def test_every_link_leads_to_a_heading_that_there_is(link: str) -> None:
    file, _, anchor = link.partition("#")
    page = ROOT / "docs" / (file or "runbook.md")
    assert page.is_file()
    assert not anchor or anchor in anchors(page)


@pytest.mark.server
@pytest.mark.parametrize("command", [command for command in commands_with("curl ") if RENEWAL not in command])
def test_every_curl_line_is_answered(command: str, server: Server) -> None:
    pasted = command.replace("curl -s", "curl -s --fail-with-body").replace("http://127.0.0.1:8081", server.management)
    environment = os.environ | {"TOKEN": server.token("management")}
    done = subprocess.run(["bash", "-c", pasted], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
    assert "digits" in done.stdout
