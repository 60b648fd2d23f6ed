"""TorchServe by itself, told of a key by its environment alone: a signed archive is served, one that was altered afterwards is not."""

import time
from pathlib import Path

import httpx
import pytest
from served import free_port

from deploy.server import Server, ServerError
from digitkit.artifacts.card import card_path, check_card, facts, write_card
from digitkit.artifacts.seal import PUBLIC_KEY
from export.signing import VARIABLE, find_key, make_keys, seal, sign_card
from testbed.archives import rewrite

pytestmark = pytest.mark.server

SIGNED, ALTERED = "digits_onnx", "digits"
WAIT_S = 120.0


@pytest.fixture
def signed(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of signed archives, the handler of one of which was altered."""
    make_keys(tmp_path / "keys")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "keys/signing.key"))
    key, folder = find_key(), tmp_path / "store"
    assert key is not None
    folder.mkdir()
    for model in (SIGNED, ALTERED):
        archive = folder / f"{model}.mar"
        archive.write_bytes((store / archive.name).read_bytes())
        known = facts(check_card(store / archive.name))
        seal(archive, key)
        write_card(archive, **known)
        sign_card(archive, key)
    sealed = folder / f"{ALTERED}.mar"
    sealed.rename(tmp_path / "sealed.mar")
    rewrite(tmp_path / "sealed.mar", sealed, lambda name, content: content + b"\n" if name == "digit_handler.py" else content)
    card_path(sealed).unlink()
    write_card(sealed, **known)
    return folder


def test_an_altered_handler_is_refused_by_a_start_and_by_torchserve_itself_which_serves_the_others(signed: Path, tmp_path: Path) -> None:
    public = tmp_path / "keys/signing.pub"
    with pytest.raises(ServerError, match=rf"{ALTERED}\.mar is not signed"):
        Server(free_port(), signed, tmp_path / "state", public_key=public).start()
    server = Server(free_port(), signed, tmp_path / "state", variables={PUBLIC_KEY: str(public)})
    process = server.launch()
    try:
        deadline = time.monotonic() + WAIT_S
        while not all(server.is_ready(model) for model in server.served):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        first = server.describe(ALTERED)["workers"][0]["pid"]
        with httpx.Client(base_url=server.inference, headers=server.headers(), timeout=30) as client:
            assert client.post(f"/predictions/{SIGNED}", content=b"no picture").json()["type"] == "UnreadablePicture"
            for path in (f"/predictions/{ALTERED}", f"/v1/models/{ALTERED}:predict", f"/v2/models/{ALTERED}/infer"):
                refused = client.post(path, content=b"a picture")
                assert (refused.status_code, refused.json()["type"]) == (503, "NotLoaded")
        assert server.describe(ALTERED, "?customized=true")["customizedMetadata"] == {"loaded": False, "cause": "SealError"}
        assert server.describe(ALTERED)["workers"][0]["pid"] == first  # it stays as it is, and is not started anew
        told = (server.folder / "logs" / "model_log.log").read_text()
        assert told.count(f"{ALTERED} IS NOT SERVED") == 1
        assert "the archive holds another digit_handler.py than was signed" in told
        assert "IS NOT SERVED" in server.last_lines()
    finally:
        server.stop()
        process.wait()
