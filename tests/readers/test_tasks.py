"""Which reader a model gets: the one of its card's task."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from conftest import HANDLERS, FakeContext

from digitkit.artifacts.card import CardError, write_card
from digitkit.readers.digits.reader import READER
from digitkit.readers.numbers.reader import NumbersReader
from digitkit.readers.tasks import find_reader

FACTS: dict[str, Any] = {
    "version": "1.0", "recipe": {}, "data_sha256": "", "commit": "", "accuracy": {}, "temperature": 1.0, "parameters": 1, "packages": {},
}  # fmt: skip


def test_each_task_has_its_reader() -> None:
    assert find_reader("digits") is READER
    assert isinstance(find_reader("numbers"), NumbersReader)


@pytest.mark.parametrize("task", ["poems", "", "digits.reader", "../digits", "tasks"])
def test_a_task_without_a_reader_is_an_error_that_names_those_there_are(task: str) -> None:
    with pytest.raises(CardError, match=r"this code has a reader for digits, numbers$"):
        find_reader(task)


def test_a_model_of_an_unknown_task_is_not_served(handler_module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LOCATION", str(tmp_path))
    (tmp_path / "weights.onnx").write_bytes(b"weights")
    write_card(tmp_path / "weights.onnx", **FACTS, task="poems")
    manifest = {"model": {"modelName": "poems", "modelVersion": "1.0", "serializedFile": "weights.onnx"}}
    properties = {"model_dir": str(tmp_path), "gpu_id": None}
    config = yaml.safe_load((HANDLERS / "model-config.yaml").read_text())
    handler = handler_module.DigitHandler()
    handler.initialize(FakeContext([], model_name="poems", manifest=manifest, system_properties=properties, model_yaml_config=config))
    assert isinstance(handler.unloaded.cause, CardError)
    assert "'poems'" in str(handler.unloaded.cause)
