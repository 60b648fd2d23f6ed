"""The load test against the real server: every door, several processes, management traffic, and the exporter."""

import threading
import time
from pathlib import Path

import httpx
import pytest
import yaml
from doors import grpc_port
from loaded import GENEROUS
from prometheus_client.parser import text_string_to_metric_families
from served import free_port

from deploy.server import Server
from loadtest import run
from loadtest.profile import KINDS
from loadtest.results.overview import read_summary

pytestmark = pytest.mark.server


@pytest.fixture(autouse=True)
def _tokens(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_TOKEN", server.token())
    monkeypatch.setenv("DIGITS_MANAGEMENT_TOKEN", server.token("management"))


def flags_for(server: Server, mnist_root: Path, reports: Path) -> list[str]:
    # The shipped budgets are for a model that was trained for longer, on a machine of its own.
    for profile, lost in (("smoke", 0), ("manage", 0.05)):
        (reports / profile).mkdir()
        (reports / profile / "digits_onnx.yaml").write_text(yaml.safe_dump(GENEROUS | {"accuracy_min": 0.9, "fail_ratio_max": lost}))
    places = {
        "data-root": mnist_root,
        "reports": reports,
        "budgets": reports,
        "grpc": f"127.0.0.1:{grpc_port(server)}",
        "target": "digits_onnx",
    }
    doors = {"host": server.inference, "management": server.management}
    return [f"--{name}={value}" for name, value in (doors | places).items()]


def test_every_kind_of_request_is_answered_rightly_through_every_door_from_two_processes(
    server: Server, mnist_root: Path, tmp_path: Path
) -> None:
    scraped: list[str] = []
    port = free_port()

    def scrape() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and "locust_response_time_seconds_bucket" not in (scraped or [""])[-1]:
            time.sleep(0.5)
            with httpx.Client() as client:
                try:
                    scraped.append(client.get(f"http://127.0.0.1:{port}/metrics").text)
                except httpx.TransportError:
                    continue  # Locust has not begun

    scraper = threading.Thread(target=scrape)
    scraper.start()
    code = run.main([*flags_for(server, mnist_root, tmp_path), "--profile=smoke", "--processes=2", f"--exporter-port={port}"])
    scraper.join()
    assert code == 0
    (result,) = read_summary(tmp_path / "summary.json").targets
    asked = {(kind.door, kind.kind) for kind in result.kinds}
    everything = {(door, kind) for door in ("rest", "grpc") for kind in KINDS}
    assert asked >= everything | {(door, kind) for door in ("v2", "oip") for kind in ("single", "list", "bad")}
    assert sum(kind.failures for kind in result.kinds) == 0
    families = {family.name: family for family in text_string_to_metric_families(scraped[-1])}
    assert {sample.labels["door"] for sample in families["locust_requests"].samples} <= {"rest", "v2", "grpc", "oip"}
    assert {"locust_users", "locust_failures", "locust_response_time_seconds", "locust_late_seconds"} <= set(families)


def test_management_traffic_leaves_the_model_as_it_was(server: Server, mnist_root: Path, tmp_path: Path) -> None:
    assert run.main([*flags_for(server, mnist_root, tmp_path), "--profile=manage", "--rate=20", "--seconds=8"]) == 0
    (result,) = read_summary(tmp_path / "summary.json").targets
    managed = {kind.kind: kind for kind in result.kinds if kind.door == "management"}
    assert {"describe", "scale to 2", "set default", "scale to 1"} <= set(managed)
    assert sum(kind.failures for kind in managed.values()) == 0
    assert len(server.describe("digits_onnx")["workers"]) == 1
