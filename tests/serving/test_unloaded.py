"""A model that cannot be loaded: its worker lives, says why in its log, and refuses every request at once."""

import json
import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from conftest import HANDLERS, FakeContext

from digitkit.artifacts.card import CardError, write_card
from digitkit.contract import DeviceError
from digitkit.readers.digits.reader import BACKENDS
from digitkit.serving import metrics
from digitkit.settings import SettingsError

CARD: dict[str, Any] = {
    "version": "1.0", "recipe": {}, "data_sha256": "", "commit": "", "accuracy": {}, "temperature": 1.0, "parameters": 1, "packages": {},
}  # fmt: skip
MESSAGE = "the model digits is not served: it could not be loaded, the operator finds why in the server's log"


class Backend(ModuleType):
    """A backend that does not load."""

    def __init__(self, failure: Exception) -> None:
        super().__init__("backend")
        self.failure = failure

    def load(self, *_: object, **__: object) -> None:
        raise self.failure


def initialized(module: ModuleType, folder: Path, **changed: object) -> Any:
    """A handler that has been given the archive in `folder`."""
    model = {"modelName": "digits", "modelVersion": "1.0", "serializedFile": "digits.fake"}
    config = yaml.safe_load((HANDLERS / "model-config.yaml").read_text()) | changed
    properties = {"model_dir": str(folder), "gpu_id": None}
    handler = module.DigitHandler()
    handler.initialize(FakeContext([], manifest={"model": model}, system_properties=properties, model_yaml_config=config))
    return handler


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an unpacked archive with weights that fit their card."""
    monkeypatch.setenv("LOG_LOCATION", str(tmp_path))
    monkeypatch.setattr(metrics, "FLUSH_S", 3600)
    (tmp_path / "digits.fake").write_bytes(b"weights")
    write_card(tmp_path / "digits.fake", **CARD)
    return tmp_path


FAILURES = [DeviceError("no CUDA here"), ValueError("no graph"), ModuleNotFoundError("No module named 'torch'"), CardError("other bytes")]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_a_model_that_does_not_load_is_told_once_in_the_log_and_to_clients_without_its_details(
    failure: Exception, handler_module: ModuleType, archive: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "backend", Backend(failure))
    monkeypatch.setitem(BACKENDS, ".fake", ("backend", "digitkit.backends.eye_net"))
    handler = initialized(handler_module, archive)
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    cause = f"{type(failure).__name__}: {failure}"
    assert told == [f"digits 1.0 IS NOT SERVED, each of its requests is answered 503: {cause}"]
    context = FakeContext([{"Host": "here", "url_path": ""}] * 2)
    assert [json.loads(body) for body in handler.handle([{"body": b"x"}, {}], context)] == [
        {"code": 503, "type": "NotLoaded", "message": MESSAGE}
    ] * 2
    assert context.statuses == {0: 503, 1: 503}
    assert context.response_headers[0]["X-Model-Name"] == "digits"


def test_altered_weights_are_not_served(handler_module: ModuleType, archive: Path) -> None:
    (archive / "digits.fake").write_bytes(b"others")
    assert isinstance(initialized(handler_module, archive).unloaded.cause, CardError)


@pytest.mark.parametrize("changed", [{"limits": None}, {"device": "gpu"}, {"log_requests": "some"}], ids=str)
def test_a_knob_with_a_wrong_value_keeps_the_model_from_being_served(
    changed: dict[str, object], handler_module: ModuleType, archive: Path
) -> None:
    cause = initialized(handler_module, archive, **changed).unloaded.cause
    assert isinstance(cause, SettingsError)
    assert next(iter(changed)) in str(cause)


def test_a_fault_that_a_restart_may_heal_still_ends_the_worker(
    handler_module: ModuleType, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "backend", Backend(RuntimeError("CUDA out of memory")))
    monkeypatch.setitem(BACKENDS, ".fake", ("backend", "digitkit.backends.eye_net"))
    with pytest.raises(RuntimeError, match="out of memory"):
        initialized(handler_module, archive)


@pytest.fixture
def unloaded(handler_module: ModuleType, archive: Path) -> Any:
    return initialized(handler_module, archive, device="gpu")


def test_over_the_open_inference_protocol_by_grpc_the_refusal_comes_in_tensors(unloaded: Any) -> None:
    row = {"body": {"id": "a", "model_name": "digits", "inputs": []}}
    (body,) = unloaded.handle([row], FakeContext([{"body": {"content-type": "application/json"}}]))
    outputs = {output["name"]: output["data"] for output in json.loads(body)["outputs"]}
    assert outputs["digit"] == [-1]
    assert json.loads(outputs["error"][0]) == {"code": 503, "type": "NotLoaded", "message": MESSAGE}


def test_its_description_says_that_it_is_not_loaded(unloaded: Any) -> None:
    (body,) = unloaded.handle([{}], FakeContext([{"Host": "here", "describe": "True"}]))
    assert json.loads(body) == {"loaded": False, "cause": "SettingsError"}


def test_refused_requests_are_counted_and_logged(unloaded: Any, archive: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "digitkit.serving.metrics")
    unloaded.handle([{"body": b"x"}, {"body": b"y"}], FakeContext([{"Host": "here"}] * 2))
    caplog.clear()
    unloaded.unloaded.metrics.flush()
    counted = [line for record in caplog.records for line in record.getMessage().splitlines() if "type:NotLoaded,code:503" in line]
    assert len(counted) == 1
    assert ":2.0|#" in counted[0]
    (path,) = archive.glob("requests.*.log")
    assert [json.loads(line)["error"] for line in path.read_text().splitlines()] == ["NotLoaded"] * 2
