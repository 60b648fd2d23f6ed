"""docs/api.md says what is true: its blocks are run against a server, its answers and its errors compared."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from doors import encode, grpc_port, npy
from numpy.typing import NDArray

from deploy.server import Server

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```(?:\s*^```(?:json|text)\n(.*?)^```)?", DOCS, re.M | re.S)
STUBS = next(code for _, code, _ in BLOCKS if "grpc_tools.protoc" in code)
TOKEN_LINE = "TOKEN=$(.venv/bin/python -m deploy.server token)\n"

BLANK = encode(np.full((60, 60), 255, dtype=np.uint8))
ERRORS: list[tuple[str, str, bytes, dict[str, str]]] = [
    ("/predictions/digits", "UnreadablePicture", b"no picture", {}),
    ("/predictions/digits", "BadRequest", b"", {}),
    ("/predictions/digits", "TooLarge", npy(np.zeros((1025, 1, 1), dtype=np.uint8)), {}),
    ("/predictions/digits", "UnsupportedMedia", b"%PDF-1.7", {}),
    ("/predictions/digits", "BlankPicture", BLANK, {}),
    ("/predictions/digits", "InvalidKeyException", BLANK, {"Authorization": "Bearer x"}),
    ("/predictions/nothing", "ModelNotFoundException", BLANK, {}),
    ("/predictions/digits/9", "ModelVersionNotFoundException", BLANK, {}),
    ("/nothing", "ResourceNotFoundException", BLANK, {}),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, ten_digits: NDArray[np.uint8]) -> Path:
    """The folder that the examples run in, with a picture and the stubs."""
    folder = tmp_path_factory.mktemp("api")
    (folder / "run").mkdir()
    (folder / "run" / "sample.png").write_bytes(encode(ten_digits[7]))
    subprocess.run([sys.executable, "-c", STUBS], cwd=folder, check=True)
    return folder


def same(answered: Any, written: Any) -> bool:
    """Whether two JSON values are equal, numbers with a fraction nearly so: the documented model is another training."""
    if isinstance(written, dict):
        return isinstance(answered, dict) and list(answered) == list(written) and all(same(answered[key], written[key]) for key in written)
    if isinstance(written, list):
        return len(answered) == len(written) and all(map(same, answered, written))
    if isinstance(written, float):
        return bool(answered == pytest.approx(written, abs=0.1))
    return bool(answered == written)


@pytest.mark.server
@pytest.mark.parametrize(("language", "code", "written"), BLOCKS)
def test_every_block_gives_the_answer_below_it(language: str, code: str, written: str, server: Server, folder: Path) -> None:
    code = code.replace(TOKEN_LINE, "").replace(".venv/bin/python", sys.executable)
    code = code.replace("http://127.0.0.1:8080", server.inference).replace("127.0.0.1:7070", f"127.0.0.1:{grpc_port(server)}")
    command = ["bash", "-euo", "pipefail", "-c", code] if language == "sh" else [sys.executable, "-c", code]
    environment = os.environ | {"TOKEN": server.token()}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    if not written:
        return
    if "…" in written:
        assert re.fullmatch(".+".join(map(re.escape, written.strip().split("…"))), done.stdout.strip())
    elif written.startswith(('{"digit": 7, "target"', "7")) or not written.startswith(("{", "[")):
        assert done.stdout.strip() == written.strip()
    else:
        assert same(json.loads(done.stdout), json.loads(written)), done.stdout


@pytest.mark.server
@pytest.mark.parametrize(("path", "kind", "body", "headers"), ERRORS, ids=[kind for _, kind, _, _ in ERRORS])
def test_every_error_is_as_its_row_says(path: str, kind: str, body: bytes, headers: dict[str, str], server: Server) -> None:
    answer = httpx.post(server.inference + path, content=body, headers=server.headers() | headers, timeout=30)
    (code, message) = re.findall(rf"^\| (\d+) \| `{kind}` \|.*\| (.*?) \|$", DOCS, re.M)[0]
    assert (answer.status_code, answer.json()["code"], answer.json()["type"]) == (int(code), int(code), kind)
    if message != "see below":
        assert f"`{answer.json()['message']}`" == message


@pytest.mark.server
def test_every_header_of_an_answer_is_in_the_table(server: Server, folder: Path) -> None:
    body = (folder / "run" / "sample.png").read_bytes()
    answer = httpx.post(f"{server.inference}/predictions/digits", content=body, headers=server.headers(), timeout=30)
    for name in answer.headers:
        assert f"`{name}`" in DOCS.lower(), name


@pytest.mark.server
def test_over_the_servers_limit_the_answer_is_413_without_a_body(server: Server) -> None:
    answer = httpx.post(f"{server.inference}/predictions/digits", content=bytes(10_485_761), headers=server.headers(), timeout=30)
    assert (answer.status_code, answer.content) == (413, b"")


def test_every_link_in_the_table_of_doors_has_its_heading() -> None:
    headings = {re.sub(r"[^a-z0-9 -]", "", line.lower()).strip().replace(" ", "-") for line in re.findall(r"^## (.*)$", DOCS, re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", DOCS)) <= headings


def test_no_example_escapes_the_tests() -> None:
    assert len(BLOCKS) == len(re.findall(r"^```(?:sh|python)$", DOCS, re.M)) >= 18
