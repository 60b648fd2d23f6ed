"""Nothing of ours reports to anybody: no process leaves this machine, and none writes where it has no business."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from conftest import HANDLERS, ROOT
from doors import FORMATS, encode, npy, v1, v2, v2_binary
from faked import TOKEN, faked
from imported import imports_of
from numpy.typing import NDArray
from served import MODELS, free_port, started

from bench.contenders.peer import peer
from bench.contenders.service import TargetError
from deploy.server import Server
from testbed.pictures import LabelledPicture

WATCH_S = float(os.environ.get("DIGITS_WATCH_SECONDS", "5"))  # of traffic
DNS_PORT = 53
CALLS = "connect,sendto,sendmsg,sendmmsg,open,openat,openat2,creat,mkdir,mkdirat"
ADDRESS = re.compile(r'sin6?_port=htons\((\d+)\).*?inet_(?:addr\(|pton\(AF_INET6, )"([^"]+)"')
# An opened file with its flags and, from strace's -y, where it lies; a new folder and where it was asked for.
OPENED = re.compile(r"(?:open|openat|openat2|creat)\(.*?(O_\w*(?:WRONLY|RDWR|CREAT)).*= \d+<([^>]+)>")
NEW_FOLDER = re.compile(r'mkdir(?:at)?\(.*?"([^"]*)".*= 0')
# The system's own devices; TorchServe's fixed names for its workers' sockets; where a JVM keeps what `jps` reads.
NO_FILES = ("/dev/", "/proc/", "/tmp/.ts.sock.", "/tmp/hsperfdata_")
OURS = [HANDLERS, *(ROOT / room for room in ("training", "export", "deploy", "loadtest", "bench", "chaos"))]


def importers() -> Iterator[str]:
    """The module of every file of ours that imports ONNX Runtime; the peers run in environments of their own."""
    for folder in OURS:
        for path in folder.rglob("*.py"):
            if "onnxruntime" in imports_of(path) and path.parent.name != "peers":
                yield ".".join(path.relative_to(HANDLERS if folder == HANDLERS else ROOT).with_suffix("").parts)


# ONNX Runtime sends nothing where one of these says so, or that a build server runs it; and keeps its files where the last says.
QUIETING = ("ORT_DISABLE_TELEMETRY", "CI", "GITHUB_ACTIONS", "TF_BUILD", "BUILD_ID", "XDG_CACHE_HOME")


def python(code: str, home: Path, **variables: str) -> None:
    """Run `code` in a new Python whose home folder is `home`, its telemetry as it is where nobody has switched it off."""
    kept = {name: value for name, value in os.environ.items() if name not in QUIETING}
    subprocess.run([sys.executable, "-c", code], env=kept | {"HOME": str(home)} | variables, cwd=ROOT, check=True, timeout=120)


def test_onnx_runtime_by_itself_writes_to_the_home_folder(tmp_path: Path) -> None:
    """What the tests below look for is there to be found."""
    python("import onnxruntime", tmp_path)
    assert list(tmp_path.rglob("deviceid"))


@pytest.mark.parametrize("module", sorted(importers()))
def test_no_module_of_ours_leaves_anything_in_the_home_folder(module: str, tmp_path: Path) -> None:
    python(f"import {module}", tmp_path, ORT_DISABLE_TELEMETRY="0")
    assert list(tmp_path.iterdir()) == []


def test_the_workers_start_up_hook_comes_before_onnx_runtime(tmp_path: Path) -> None:
    python("import onnxruntime", tmp_path, PYTHONPATH=str(HANDLERS))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.server
def test_a_session_leaves_nothing_in_the_home_folder(store: Path, tmp_path: Path) -> None:
    code = "import numpy, sys; from pathlib import Path; from digitkit.readers.digits import ort; "
    python(f"{code}ort.load(Path({str(store / 'digits.onnx')!r})).run(numpy.zeros((1, 28, 28), numpy.uint8))", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_peer_of_the_bench_reports_its_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = tmp_path / "bentoml" / "bin" / "python"
    stand_in.parent.mkdir(parents=True)
    stand_in.write_text("#!/bin/sh\necho told $ORT_DISABLE_TELEMETRY $BENTOML_DO_NOT_TRACK\nexit 1\n")
    stand_in.chmod(0o755)
    monkeypatch.setattr("bench.contenders.peer.ENVIRONMENTS", tmp_path)
    with (
        pytest.raises(TargetError, match=r"its log ends with:\n  told 1 True$"),
        peer("bentoml", tmp_path, 1).start(1, LabelledPicture(b"", 7)),
    ):
        pass


def strace(output: Path) -> list[str]:
    """What a command is put behind, so that its connections and the files that it opens are noted in `output`."""
    return ["strace", "--follow-forks", "--seccomp-bpf", "-qq", "-y", f"--trace={CALLS}", f"--output={output}"]


@pytest.fixture
def may_trace() -> None:
    if shutil.which("strace") is None or subprocess.run(["strace", "--output=/dev/null", "true"], check=False).returncode:
        pytest.skip("strace is not installed, or may not trace here")


@dataclass(frozen=True)
class Watched(Server):
    """A server of which strace notes every connection, and every file that is opened."""

    def command(self) -> list[str]:
        return [*strace(self.folder / "trace"), *super().command()]


def requests(model: str, picture: NDArray[np.uint8]) -> list[tuple[str, dict[str, Any]]]:
    """One request in every form: its path, and what httpx sends there."""
    path, infer, explain = f"/predictions/{model}", f"/v2/models/{model}/infer", f"/explanations/{model}"
    tensor, told = v2_binary(picture[None])
    return [
        *((path, {"content": encode(picture, form)}) for form in FORMATS),
        (path, {"files": {"a": encode(picture), "b": b"no picture"}}),
        (path, {"content": npy(picture), "headers": {"Content-Type": "application/x-npy"}}),
        (path, {"json": v1(encode(picture))}),
        (path, {"json": v2(picture[None])}),
        (infer, {"content": tensor, "headers": told}),
        (explain, {"content": encode(picture)}),
    ]


def gone_to(trace: str) -> list[str]:
    """The lines of a trace that speak with another machine, or ask for the address of one."""
    assert "connect(" in trace  # of a server to its own workers, of a client to its server: so connections are seen
    addresses = [(line, found) for line in trace.splitlines() if (found := ADDRESS.search(line))]
    return [line for line, found in addresses if int(found[1]) == DNS_PORT or not ip_address(found[2]).is_loopback]


def written(trace: str, folder: Path) -> list[str]:
    """The files and folders outside of `folder` that a trace opens for writing or makes."""
    opened = {found[2] for found in OPENED.finditer(trace)}
    made = {str(folder / found[1]) for found in NEW_FOLDER.finditer(trace)}
    assert any(name.startswith(f"{folder}/") for name in opened)
    return sorted(name for name in opened | made if not name.startswith((f"{folder}/", *NO_FILES)))


@pytest.mark.server
@pytest.mark.usefixtures("may_trace")
def test_a_server_under_traffic_speaks_to_nobody_and_writes_only_in_its_folder(
    store: Path, tmp_path: Path, ten_digits: NDArray[np.uint8]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    server = Watched(free_port(), store, tmp_path / "state", variables={"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"})
    with started(server), httpx.Client(base_url=server.inference, headers=server.headers(), timeout=60) as client:
        until = time.monotonic() + WATCH_S
        while time.monotonic() < until:
            for model in MODELS:
                answers = [client.post(path, **sent) for path, sent in requests(model, ten_digits[7])]
                assert {answer.status_code for answer in answers} == {200}
    trace = (server.folder / "trace").read_text()
    assert gone_to(trace) == []
    assert written(trace, server.folder) == []
    assert list(home.iterdir()) == []


CONSOLE = """
import httpx
from pathlib import Path
from consoles import FakeServer, PNG, console_before, listening

with listening(console_before(FakeServer(), Path())) as origin, httpx.Client(base_url=origin, headers={"Origin": origin}) as client:
    told = [client.get(path).status_code for path in ("/", "/page/try.js", "/status", "/api/status")]
    client.headers["X-CSRF-Token"] = client.get("/api/session").json()["csrf"]
    told.append(client.post("/api/predictions/digits", content=PNG).status_code)
print(told)
"""


@pytest.mark.slow
@pytest.mark.usefixtures("may_trace")
def test_the_client_and_the_console_speak_to_the_server_alone(tmp_path: Path) -> None:
    (tmp_path / "7.png").write_bytes(b"7")
    (tmp_path / "home").mkdir()
    with faked() as server:
        environment = os.environ | {"HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT / "tests"), "PYTHONDONTWRITEBYTECODE": "1"}
        environment |= {"DIGITS_URL": server.url, "DIGITS_TOKEN": TOKEN}
        asked = {
            "client": [Path(sys.executable).with_name("digits"), "read", "--json", "7.png"],
            "console": [sys.executable, "-c", CONSOLE],
        }
        told = {}
        for name, arguments in asked.items():
            command = [*strace(tmp_path / f"{name}.trace"), *arguments]
            done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=300)
            told[name] = json.loads(done.stdout)
            assert gone_to((tmp_path / f"{name}.trace").read_text()) == []
    assert (told["client"]["digit"], told["console"]) == (7, [200] * 5)
    assert list((tmp_path / "home").iterdir()) == []
