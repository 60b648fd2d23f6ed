"""The reader of numbers in the real TorchServe, with a net of random weights: every endpoint gives the same answer, and takes a format."""

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
import requests
from conftest import HANDLERS
from consoles import listening
from doors import Grpc, encode, tensors, v1, v2_bytes
from lines import random_line
from made_documents import pdf, written
from served import connected, free_port, http_client, started

from console.run import for_server
from deploy.server import Server
from digitkit.artifacts.place import place
from digitkit.serving.metrics import FLUSH_S
from digits_client import BadRequest, Client, key_file
from export.number_probes import printed
from export.packing import pack

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.server

NAME = "numbers"
PICTURE = encode(printed("20417", np.random.default_rng(0)))
# Its text is in the file, so that the net's weights do not matter.
BILL = pdf(written((72, 780, "100.00"), (72, 600, "19.00")), written((72, 780, "119.00"), (72, 400, "4711")))
LAYOUT = {
    "sum": "total=net+tax",
    "fields": {
        "net": {"box": [0, 0, 1, 0.2], "format": "amount"},
        "tax": {"box": [0, 0.2, 1, 0.4], "format": "amount"},
        "total": {"box": [0, 0, 1, 0.2], "format": "amount", "page": 2, "words": "one hundred nineteen dollars"},
    },
}
SOMETHING = 2  # the seed of a net that reads digits in that picture; many read none
IMPOSSIBLE = "length=99"  # what no reading of that picture obeys
LIST = f"""
[{NAME}]
task = "numbers"
target = "pytorch"
form = "float32"
weights = "numbers.pt"
config = "model-config.yaml"
built = true
probe = {{picture = "number.png", answer = {{pages = [{{width = WIDTH, height = HEIGHT}}]}}}}
budget = "digits"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    store, scratch, folder = (tmp_path_factory.mktemp(name) for name in ("store", "scratch", "list"))
    place(pack(random_line(scratch / "numbers.pt", SOMETHING), NAME, scratch), store / f"{NAME}.mar")
    (folder / "model-config.yaml").write_bytes((HANDLERS / "model-config.yaml").read_bytes())
    (folder / "number.png").write_bytes(PICTURE)
    height, width = printed("20417", np.random.default_rng(0)).shape
    (folder / "models.toml").write_text(LIST.replace("WIDTH", str(width)).replace("HEIGHT", str(height)))
    with started(Server(free_port(), store, tmp_path_factory.mktemp("state"), model_list=folder / "models.toml")) as running:
        yield running


@pytest.fixture(scope="module")
def ask(server: Server) -> Iterator[httpx.Client]:
    with http_client(server) as client:
        yield client


@pytest.fixture(scope="module")
def grpc_client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grpc]:
    with connected(server, tmp_path_factory.mktemp("stubs")) as client:
        yield client


def test_every_endpoint_gives_the_same_answer(ask: httpx.Client, grpc_client: Grpc) -> None:
    answer = ask.post(f"/predictions/{NAME}", content=PICTURE)
    assert (answer.status_code, answer.headers["X-Model-Name"]) == (200, NAME)
    told = answer.json()
    assert told["numbers"]
    assert ask.post(f"/v1/models/{NAME}:predict", json=v1(PICTURE)).json() == {"predictions": [told]}
    by_tensors = tensors(ask.post(f"/v2/models/{NAME}/infer", json=v2_bytes([PICTURE])).json())
    assert json.loads(by_tensors["numbers"][0]) == told["numbers"]
    assert json.loads(grpc_client.ask(NAME, data=PICTURE)) == told
    inferred = grpc_client.infer(NAME, "BYTES", [1], bytes_contents=[PICTURE])
    outputs = {output.name: output.contents for output in inferred.outputs}
    (quoted,) = outputs["numbers"].bytes_contents  # TorchServe writes each element as a string of JSON
    assert json.loads(json.loads(quoted)) == told["numbers"]
    lines = ask.post(f"/predictions/{NAME}", content=PICTURE, headers={"Accept": "text/plain"}).text.splitlines()
    assert lines == [number["text"] for number in told["numbers"]]


def test_every_way_to_name_a_format_arrives(ask: httpx.Client, grpc_client: Grpc) -> None:
    by_header = ask.post(f"/predictions/{NAME}", content=PICTURE, headers={"X-Format": IMPOSSIBLE}).json()
    assert {number["reason"] for number in by_header["numbers"]} == {"breaks_format"}
    (text,) = v1(PICTURE)["instances"]
    by_instance = ask.post(f"/v1/models/{NAME}:predict", json={"instances": [{"data": text, "format": IMPOSSIBLE}]}).json()
    assert by_instance["predictions"] == [by_header]
    body = v2_bytes([PICTURE]) | {"parameters": {"format": IMPOSSIBLE}}
    assert tensors(ask.post(f"/v2/models/{NAME}/infer", json=body).json())["reason"] == ["breaks_format"]
    assert json.loads(grpc_client.ask(NAME, data=PICTURE, format=IMPOSSIBLE.encode())) == by_header
    refused = ask.post(f"/predictions/{NAME}", content=PICTURE, headers={"X-Format": "secret"})
    assert (refused.status_code, refused.json()["type"]) == (400, "BadRequest")


@pytest.mark.parametrize(("media", "begins"), [("text/csv", b"text,digits"), ("image/png", b"\x89PNG")])
def test_other_forms_come_under_their_type(media: str, begins: bytes, ask: httpx.Client) -> None:
    answer = ask.post(f"/predictions/{NAME}", content=PICTURE, headers={"Accept": media})
    assert answer.headers["Content-Type"].startswith(media)
    assert answer.content.startswith(begins)


def test_an_explanation_comes_back(ask: httpx.Client) -> None:
    told = ask.post(f"/explanations/{NAME}", content=PICTURE, headers={"X-Target": "0.0"}).json()
    assert (told["number"], told["character"], len(told["attributions"])) == (0, 0, 32)


def test_what_is_counted_stands_at_metrics(ask: httpx.Client, server: Server) -> None:
    ask.post(f"/predictions/{NAME}", content=PICTURE, headers={"X-Format": IMPOSSIBLE})
    deadline = time.monotonic() + 60
    found = ""
    while "breaks_format" not in found and time.monotonic() < deadline:
        time.sleep(FLUSH_S / 2)
        found = requests.get(f"{server.metrics}/metrics", timeout=10).text
    for name in ("digits_numbers_accepted_total", "digits_number_digits_bucket", 'reason="breaks_format"'):
        assert name in found


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_client_reads_the_fields_the_sum_and_the_words_of_a_document(scheme: str, server: Server) -> None:
    url = server.inference if scheme == "http" else f"grpc://{server.grpc}"
    with Client(url, key_file(server.folder / "key_file.json")) as client:
        found = client.read_numbers(BILL, template=LAYOUT)
        assert {name: read.page for name, read in found.fields.items()} == {"net": 1, "tax": 1, "total": 2}
        assert [(each.amount, each.holds) for each in found.sums] == [(Decimal("119.00"), True)]
        assert [number.text for number in found.numbers if number.accepted] == ["100.00", "19.00", "119.00"]
        second = client.read_numbers(BILL, pages=2, words="cent dix-neuf euros et zéro centimes")
        assert [(number.text, number.reason) for number in second.numbers] == [("119.00", ""), ("4711", "breaks_words")]
        assert [*second.pages] == [2]
        chinese = client.read_numbers(BILL, pages="2-2", words="壹佰壹拾玖元整")
        assert [number.accepted for number in chinese.numbers] == [True, False]
        with pytest.raises(BadRequest):
            client.read_numbers(BILL, words="nothing at all")


def test_the_console_shows_each_page_of_a_document(server: Server, browser: "Browser", tmp_path: Path) -> None:
    with listening(for_server(server, 8085, [], "", None)) as origin:
        page = browser.new_page(viewport={"width": 1200, "height": 1100})
        page.goto(f"{origin}/")
        page.wait_for_selector("#server[data-state=up]")
        page.set_input_files("#files", [{"name": "bill.pdf", "mimeType": "application/pdf", "buffer": BILL}])
        for number, texts in ((1, ["100.00", "19.00"]), (2, ["119.00", "4711"])):
            page.wait_for_selector(f"#picture[alt^='Page {number} ']", timeout=60_000)
            page.screenshot(path=tmp_path / f"page-{number}.png")
            assert page.locator("#numbers-list b").all_inner_texts() == texts
            assert page.evaluate("document.getElementById('picture').naturalWidth") > 500
            if number == 1:
                page.click("#next-page")
        page.close()
