"""model-config.yaml is read whole and right, or refused with the name of the knob."""

import copy
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import HANDLERS

from digitkit.settings import Collecting, Limits, Settings, SettingsError

LIMITS = [field.name for field in fields(Limits)]


@pytest.fixture
def config() -> dict[str, Any]:
    """The shipped model-config.yaml, parsed."""
    parsed: dict[str, Any] = yaml.safe_load((HANDLERS / "model-config.yaml").read_text())
    return parsed


def refusal(config: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.from_mapping(config)
    return str(caught.value)


def test_shipped_config_is_valid_and_every_knob_is_read(config: dict[str, Any]) -> None:
    settings = Settings.from_mapping(config)
    assert settings.device == config["device"] == "auto"
    assert settings.threads == config["threads"] == 1
    assert settings.log_requests == config["log_requests"] == "all"
    assert settings.accept == config["accept"]
    assert [settings.threshold(task) for task in ("digits", "numbers")] == [config["accept"]["digits"], config["accept"]["numbers"]]
    assert settings.limits == Limits(**config["limits"])
    assert settings.collect == Collecting(**config["collect"])
    assert settings.collect.store == ""  # nothing is kept until somebody says so


def test_shipped_config_holds_what_torchserve_reads(config: dict[str, Any]) -> None:
    for name in ("minWorkers", "maxWorkers", "batchSize", "maxBatchDelay", "responseTimeout", "startupTimeout"):
        assert type(config[name]) is int, name
        assert config[name] >= 1, name  # a maxBatchDelay of 0 is taken for TorchServe's default, 100 ms


def test_config_is_read_from_its_file(config: dict[str, Any], tmp_path: Path) -> None:
    config["accept"]["digits"] = 0.25
    path = tmp_path / "model-config.yaml"
    path.write_text(yaml.safe_dump(config))
    assert Settings.read(path).threshold("digits") == 0.25


@pytest.mark.parametrize("content", ["", "7", "- limits"])
def test_file_that_is_no_mapping_is_an_error(content: str, tmp_path: Path) -> None:
    path = tmp_path / "model-config.yaml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=r"model-config\.yaml"):
        Settings.read(path)


@pytest.mark.parametrize(
    ("section", "value"),
    [*(("limits", value) for value in (None, 7, "many", [1, 2], {})), ("accept", None), ("accept", 7), ("accept", {7: 0.5})],
)
def test_section_of_the_wrong_kind_is_an_error(section: str, value: Any, config: dict[str, Any]) -> None:
    message = refusal(config | {section: value})
    assert f"section {section} of model-config.yaml must hold" in message
    assert str(value) in message or value == {}


@pytest.mark.parametrize("name", LIMITS)
def test_missing_limit_is_an_error_that_names_it(name: str, config: dict[str, Any]) -> None:
    del config["limits"][name]
    message = refusal(config)
    assert "limits" in message
    assert name in message


@pytest.mark.parametrize("name", ["pixel", "max_pixels", 7])
def test_unknown_limit_is_an_error_that_names_it(name: Any, config: dict[str, Any]) -> None:
    config["limits"][name] = 1
    message = refusal(config)
    assert "limits" in message
    assert str(name) in message


def test_a_task_without_a_share_is_an_error_that_names_those_there_are(config: dict[str, Any]) -> None:
    config["accept"] = {"min_score": 0.7}
    with pytest.raises(SettingsError, match=r"section accept of model-config.yaml must hold digits, it holds \['min_score'\]"):
        Settings.from_mapping(config).threshold("digits")


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", [None, 0, -1, 1.5, 1e6, "1000", True, [1]])
def test_limit_that_is_no_positive_whole_number_is_an_error(name: str, value: Any, config: dict[str, Any]) -> None:
    config["limits"][name] = value
    message = refusal(config)
    assert f"limits.{name}" in message
    assert repr(value) in message
    assert "a whole number, 1 or more" in message


@pytest.mark.parametrize("value", [None, "0.5", -0.01, 1.01, float("nan"), True, [0.5]])
@pytest.mark.parametrize("task", ["digits", "numbers", "poems"])
def test_a_share_outside_0_to_1_is_an_error(value: Any, task: str, config: dict[str, Any]) -> None:
    config["accept"][task] = value
    message = refusal(config)
    assert f"accept.{task}" in message
    assert repr(value) in message
    assert "from 0 to 1" in message


@pytest.mark.parametrize("value", [0, 1, 0.5])
def test_a_share_may_be_a_whole_number(value: float, config: dict[str, Any]) -> None:
    config["accept"]["digits"] = value
    score = Settings.from_mapping(config).threshold("digits")
    assert score == value
    assert type(score) is float


@pytest.mark.parametrize("value", [None, "gpu", "CPU", 0, True, ["cpu"]])
def test_unknown_device_is_an_error_that_names_the_known(value: Any, config: dict[str, Any]) -> None:
    message = refusal(config | {"device": value})
    assert f"device in model-config.yaml is {value!r}" in message
    assert "auto, cpu, cuda" in message


def test_missing_device_is_an_error(config: dict[str, Any]) -> None:
    del config["device"]
    assert "device" in refusal(config)


def test_reading_leaves_the_config_as_it_was(config: dict[str, Any]) -> None:
    before = copy.deepcopy(config)
    Settings.from_mapping(config)
    assert config == before


@pytest.mark.parametrize("threads", [None, 0, -1, True, 1.5, "2"])
def test_threads_that_are_no_number_are_refused_by_name(threads: Any, config: dict[str, Any]) -> None:
    assert "threads" in refusal(config | {"threads": threads})


@pytest.mark.parametrize("value", [None, "", "none", True, 1])
def test_log_requests_of_another_kind_is_refused_by_name(value: Any, config: dict[str, Any]) -> None:
    assert refusal(config | {"log_requests": value}) == (f"log_requests in model-config.yaml is {value!r}; it must be one of all, notable")


def test_a_file_of_an_earlier_version_keeps_nothing(config: dict[str, Any]) -> None:
    del config["collect"]
    assert Settings.from_mapping(config).collect is None


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("store", "collected", "it must begin with /"),
        ("store", None, "a text"),
        ("records", 7, "a text"),
        ("share", 1.5, "from 0 to 1"),
        ("share", True, "from 0 to 1"),
        ("below_confidence", "0.9", "from 0 to 1"),
        ("not_accepted", "yes", "true or false"),
        ("not_accepted", 1, "true or false"),
        ("minute_pictures", 0, "a whole number"),
        ("day_pictures", 1.5, "a whole number"),
        ("store_bytes", True, "a whole number"),
        ("days", -1, "a whole number"),
    ],
)
def test_a_knob_of_what_is_kept_that_cannot_be_used_is_an_error_that_names_it(
    name: str, value: Any, wanted: str, config: dict[str, Any]
) -> None:
    message = refusal(config | {"collect": config["collect"] | {name: value}})
    assert f"collect.{name} in model-config.yaml is {value!r}" in message
    assert wanted in message


@pytest.mark.parametrize("name", [field.name for field in fields(Collecting)])
def test_a_missing_knob_of_what_is_kept_is_an_error_that_names_it(name: str, config: dict[str, Any]) -> None:
    del config["collect"][name]
    assert name in refusal(config)
