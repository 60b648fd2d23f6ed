"""config.properties: what is refused before TorchServe reads it, and what moves with the port."""

import re
import struct
import zipfile
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import ROOT

from deploy.errors import ServerError
from deploy.settings.config import CONFIG, DEFAULTS, Config
from deploy.settings.keys import KINDS
from deploy.settings.properties import read_properties

OURS = {"allow_open_management", "vmargs", "plugins_path"}  # that ConfigManager, in Java, does not read
NO_KEYS = {"torchelastic_ts", "ts_request_sequence_id", "ts_request_sequence_start", "ts_request_sequence_end"}


def read(text: str, tmp_path: Path, **replaced: str) -> Config:
    path = tmp_path / "config.properties"
    path.write_text(text)
    return Config.read(path, replaced)


def constants(jar: Path, name: str) -> set[str]:
    """The UTF-8 constants of a class file: every string of the class, and its names."""
    data = zipfile.ZipFile(jar).read(name)
    (count,) = struct.unpack_from(">H", data, 8)
    sizes = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}
    found, place, index = set(), 10, 1
    while index < count:
        tag = data[place]
        place += 1
        if tag == 1:
            (size,) = struct.unpack_from(">H", data, place)
            found.add(data[place + 2 : place + 2 + size].decode(errors="replace"))
            place += 2 + size
        else:
            place += sizes[tag]
        index += 2 if tag in (5, 6) else 1  # numbers of eight bytes take two places
    return found


def test_the_known_keys_are_those_of_the_installed_torchserve() -> None:
    spec = find_spec("ts")
    assert spec is not None and spec.origin is not None
    jar = Path(spec.origin).with_name("frontend") / "model-server.jar"
    strings = constants(jar, "org/pytorch/serve/util/ConfigManager.class")
    assert set(KINDS) - OURS <= strings
    like_keys = {text for text in strings if "_" in text and text == text.lower() and text.replace("_", "").isalpha()}
    assert like_keys - set(KINDS) - NO_KEYS == set()


def test_the_shipped_settings_are_accepted_and_open_nothing() -> None:
    assert Config.read(CONFIG, {}).warnings() == []


def test_a_misspelt_key_is_refused_with_the_one_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"config.properties: TorchServe knows no key job_que_size.*did you mean job_queue_size\?"):
        read("job_que_size=500", tmp_path)


@pytest.mark.parametrize(
    ("line", "accepted"),
    [
        ("job_queue_size=abc", "job_queue_size is 'abc'; accepted is a whole number from 1 up"),
        ("job_queue_size=500 ", "job_queue_size is '500 '; accepted is a whole number"),
        ("job_queue_size=1_000", "accepted is a whole number"),
        ("job_queue_size=0", "accepted is a whole number from 1 up"),
        ("max_request_size=3000000000", "accepted is a whole number"),
        ("grpc_inference_port=70700", "accepted is a whole number from 1 to 65535"),
        ("token_expiration_min=never", "accepted is a number from 0.01 up"),
        ("prefer_direct_buffer=yes", "prefer_direct_buffer is 'yes'; accepted is true or false"),
        ("metrics_mode=prom", "accepted is log or prometheus or legacy"),
        ("models=[]", "models is no JSON object"),
        ("vmargs=-Dx=\\u00f6", "vmargs has letters beyond ASCII"),
        ("inference_address=https://127.0.0.1:8443", "let a proxy do TLS"),
        ("inference_address=http://[::1]:8080", r"TorchServe takes no IPv6 address there; accepted is http://HOST:PORT"),
        ("management_address=unix:/tmp/digits", "these commands ask over TCP"),
        ("metrics_address=127.0.0.1:8082", "metrics_address is '127.0.0.1:8082'; accepted is http://HOST:PORT"),
        ("inference_address=http://127.0.0.1", "accepted is http://HOST:PORT"),
        ("inference_address=http://no such host:8080", "accepted is http://HOST:PORT"),
        ("grpc_inference_address=300.1.1.1", "grpc_inference_address names '300.1.1.1'; accepted is a host's name"),
        ("default_response_timeout=$$DIGITS_UNSET$$", "takes the variable DIGITS_UNSET, which is not set"),
        ("enable_envvars_config=true", r"write \$\$NAME\$\$ for a variable's value"),
    ],
)
def test_a_value_that_torchserve_cannot_use_is_refused_with_what_is_accepted(line: str, accepted: str, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=accepted):
        read(line, tmp_path)


def test_every_port_keeps_its_distance_to_that_of_the_inference_api(tmp_path: Path) -> None:
    text = """
        inference_address : http://localhost:9000
        management_address = http://127.0.0.1:9500
        metrics_address=http://127.0.0.1:9400
        grpc_inference_port=7500
    """
    config = read(text, tmp_path).on(19_000)
    assert config.inference.url == "http://localhost:19000"
    assert (config.management.url, config.metrics.url) == ("http://127.0.0.1:19500", "http://127.0.0.1:19400")
    assert (config.grpc_inference.target, config.grpc_management.target) == ("127.0.0.1:17500", "127.0.0.1:17071")
    written = read_properties(config.text())
    assert written["inference_address"] == "http://localhost:19000"
    assert (written["grpc_management_port"], written["initial_worker_port"]) == ("17071", "19000")


def test_settings_that_name_no_address_are_torchserves_own(tmp_path: Path) -> None:
    config = read("", tmp_path)
    assert config.inference.url == DEFAULTS["inference_address"] == "http://127.0.0.1:8080"
    assert [address.port for address in config.addresses()] == [8080, 8081, 8082, 7070, 7071]
    assert [address.port for address in read("enable_metrics_api=false", tmp_path).addresses()] == [8080, 8081, 7070, 7071]


@pytest.mark.parametrize("port", [1024, 65_535])
def test_a_port_that_puts_another_out_of_range_is_refused(port: int, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=f"port {port} puts another at .*outside of 1024 to 65535"):
        read("", tmp_path).on(port).addresses()


def test_an_open_address_is_asked_on_this_machine_and_warned_of(tmp_path: Path) -> None:
    text = "inference_address=http://0.0.0.0:8080\nmetrics_address=http://0.0.0.0:8082"
    config = read(text, tmp_path)
    assert config.inference.url == "http://127.0.0.1:8080"
    inference, metrics = config.warnings()
    assert "inference_address is 0.0.0.0: other machines reach port 8080, and tokens and pictures travel without TLS" in inference
    assert "reach port 8082, and metrics are told to whoever asks" in metrics
    without = read(text + "\ndisable_token_authorization=true", tmp_path)
    assert "whoever reaches it needs no token" in without.warnings()[0]


def test_a_management_api_that_other_machines_reach_needs_a_setting_of_its_own_and_tokens(tmp_path: Path) -> None:
    for address in ("management_address=http://0.0.0.0:8081\n", "grpc_management_address=0.0.0.0\n"):
        with pytest.raises(ServerError, match=r"could change and stop models there; accepted is 127\.0\.0\.1, or any"):
            read(address, tmp_path)
        opened = address + "allow_open_management=true\n"
        assert len(read(opened, tmp_path).warnings()) == 1
        with pytest.raises(ServerError, match="without a token"):
            read(opened + "disable_token_authorization=true\n", tmp_path)


def test_a_variable_is_checked_as_torchserve_sees_it_and_written_as_it_stood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_HOST", "localhost")
    monkeypatch.setenv("DIGITS_SECRET", "changeit")
    config = read("inference_address=http://$$DIGITS_HOST$$:8080\nkeystore_pass=$$DIGITS_SECRET$$", tmp_path).on(9080)
    written = read_properties(config.text())
    assert written["inference_address"] == "http://localhost:9080"
    assert written["keystore_pass"] == "$$DIGITS_SECRET$$"


def test_files_are_named_without_their_folder_whatever_letters_it_has(tmp_path: Path) -> None:
    source, folder = tmp_path / "döner kebab", tmp_path / "run"
    for each in (source, folder):
        each.mkdir()
    (source / "logging.xml").write_text("<Configuration/>")
    (source / "metrics.yaml").write_text("dimensions: []")
    metrics = str(source / "metrics.yaml").replace("ö", r"\u00f6")
    text = f"metrics_config={metrics}\nvmargs=-Xmx1g -Dlog4j.configurationFile=logging.xml\n"
    written = read_properties(read(text, source).write(folder).read_text(encoding="ascii"))
    assert written["metrics_config"] == "metrics.yaml"
    assert written["vmargs"] == "-Xmx1g -Dlog4j.configurationFile=logging.xml"
    assert (folder / "logging.xml").read_text() == "<Configuration/>"
    assert (folder / "metrics.yaml").read_text() == "dimensions: []"
    (source / "logging.xml").unlink()
    with pytest.raises(ServerError, match=r"config.properties names logging.xml, and there is no file"):
        read(text, source).write(folder)


def test_the_log_for_machines_has_the_levels_of_that_for_people_and_one_line_of_json_a_record() -> None:
    people, machines = (ElementTree.parse(ROOT / name).getroot() for name in ("logging.xml", "logging-json.xml"))
    levels = [{each.get("name"): each.get("level") for each in root.iter("Logger")} for root in (people, machines)]
    assert levels[0] == levels[1]
    appenders = {each.get("name") for each in machines.iter("Console")}
    assert {each.get("ref") for each in machines.iter("AppenderRef")} == appenders == {"STDOUT"}
    (line,) = [each.text or "" for each in machines.iter("Property") if each.get("name") == "line"]
    assert re.findall(r'"(\w+)": "', line) == ["time", "level", "logger", "thread", "message"]
    assert line.count("{JSON}") == 4
