"""The manifests render and are valid, hold no token and open no port that is closed elsewhere; the pod's nginx does what they say."""

import base64
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import kubernetes_validate
import pytest
import yaml
from conftest import ROOT
from served import free_port, is_free

from deploy.monitoring.prometheus_rule import TARGET, prometheus_rule

MANIFESTS = ROOT / "deploy" / "kubernetes"
PLACES = ("overlays/cpu", "overlays/gpu", "overlays/tls", "kserve")
FOREIGN = {"ServiceMonitor", "PrometheusRule", "ServingRuntime", "InferenceService"}  # of other groups, which the cluster's schemas lack
SEVEN = ROOT / "deploy" / "monitoring" / "seven.png"
ADDED = "disable_token_authorization=true"


def settings(path: Path) -> set[str]:
    return {line for line in path.read_text().splitlines() if line and not line.startswith("#")}


@pytest.fixture(scope="module", params=PLACES)
def rendered(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    """What kustomize makes of a place, by kind; there is one of each, but for configuration."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed, which renders the manifests")
    done = subprocess.run(["kubectl", "kustomize", MANIFESTS / request.param], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    objects = [each for each in yaml.safe_load_all(done.stdout) if each["kind"] != "ConfigMap"]
    assert len(objects) == len({each["kind"] for each in objects})
    return {each["kind"]: each for each in objects}


def pod_of(rendered: dict[str, dict[str, Any]]) -> dict[str, Any]:
    owner = rendered.get("Deployment")
    pod: dict[str, Any] = owner["spec"]["template"]["spec"] if owner else rendered["ServingRuntime"]["spec"]
    return pod


def test_every_object_of_kubernetes_own_is_valid(rendered: dict[str, dict[str, Any]]) -> None:
    own = [each for kind, each in rendered.items() if kind not in FOREIGN]
    for each in own:
        kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)
    assert rendered.keys() >= FOREIGN & {"ServingRuntime", "InferenceService"} or len(own) >= 5


def test_every_container_is_locked_in_and_none_runs_the_newest_image_whatever_it_is(rendered: dict[str, dict[str, Any]]) -> None:
    for container in pod_of(rendered)["containers"]:
        locked = container["securityContext"]
        assert (locked["readOnlyRootFilesystem"], locked["allowPrivilegeEscalation"]) == (True, False)
        assert locked["capabilities"] == {"drop": ["ALL"]}
        assert locked["runAsUser"] > 0
        assert not container["image"].endswith(":latest") and ":" in container["image"]
        assert container["resources"]["limits"]["memory"]


def test_volumes_that_are_mounted_exist(rendered: dict[str, dict[str, Any]]) -> None:
    pod = pod_of(rendered)
    assert {mount["name"] for each in pod["containers"] for mount in each["volumeMounts"]} == {each["name"] for each in pod["volumes"]}


def test_no_manifest_holds_a_token_and_tokens_come_from_a_secret(rendered: dict[str, dict[str, Any]]) -> None:
    assert "Secret" not in rendered
    if "Deployment" in rendered:
        assert {"name": "tokens", "secret": {"secretName": "digits-tokens"}} in pod_of(rendered)["volumes"]


def test_a_pod_ends_after_its_requests_do_and_the_server_after_its_proxy(rendered: dict[str, dict[str, Any]]) -> None:
    if "Deployment" not in rendered:
        pytest.skip("KServe starts and ends the pods")
    pod = pod_of(rendered)
    stops = {each["name"]: each["lifecycle"]["preStop"]["exec"]["command"] for each in pod["containers"]}
    pause, rest = 8, 35
    assert stops["proxy"][2] == f"sleep {pause}; nginx -c /etc/nginx-digits/nginx.conf -s quit; sleep {rest}"
    assert pause + rest < int(stops["digits"][1]) < pod["terminationGracePeriodSeconds"]
    assert rendered["Deployment"]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_ports_that_are_asked_for_are_ports_of_the_pod(rendered: dict[str, dict[str, Any]]) -> None:
    if "Service" not in rendered:
        pytest.skip("KServe makes the service")
    named = {port["name"]: port["containerPort"] for each in pod_of(rendered)["containers"] for port in each["ports"]}
    assert {port["targetPort"] for port in rendered["Service"]["spec"]["ports"]} <= named.keys()
    opened = [port["port"] for rule in rendered["NetworkPolicy"]["spec"]["ingress"] for port in rule["ports"]]
    assert sorted(opened) == ["http", "metrics"]
    assert not {8080, 8081, 7070, 7071} & set(named.values())
    monitor = rendered.get("ServiceMonitor")
    if monitor:
        labels, spec = rendered["Service"]["metadata"]["labels"], monitor["spec"]
        assert spec["selector"]["matchLabels"].items() <= labels.items()
        assert labels[spec["jobLabel"]] == "torchserve"
        assert {each["port"] for each in spec["endpoints"]} <= {port["name"] for port in rendered["Service"]["spec"]["ports"]}
        assert [port["port"] for port in rendered["Service"]["spec"]["ports"] if port["targetPort"] == "http"] == [443]


def test_spans_alone_leave_a_pod_and_only_where_the_component_for_them_is_added(tmp_path: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed, which renders the manifests")
    places = {name: os.path.relpath(MANIFESTS / name, tmp_path) for name in ("overlays/cpu", "components/traces")}
    made = {"resources": [places["overlays/cpu"]], "components": [places["components/traces"]]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(made))
    told: dict[bool, tuple[Any, Any]] = {}
    for is_traced, folder in ((False, MANIFESTS / "overlays" / "cpu"), (True, tmp_path)):
        text = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=True).stdout
        objects = {each["kind"]: each for each in yaml.safe_load_all(text)}
        for kind in ("Deployment", "NetworkPolicy"):
            kubernetes_validate.validate(objects[kind], kubernetes_validate.latest_version(), strict=True)
        server = next(each for each in objects["Deployment"]["spec"]["template"]["spec"]["containers"] if each["name"] == "digits")
        told[is_traced] = objects["NetworkPolicy"]["spec"]["egress"], {each["name"]: each["value"] for each in server.get("env", [])}
    assert told[False] == ([], {})
    egress, variables = told[True]
    assert [port["port"] for rule in egress for port in rule["ports"]] == [4318, 53, 53]
    assert all(rule["to"] for rule in egress)
    endpoint = urlsplit(variables["OTEL_EXPORTER_OTLP_ENDPOINT"])
    (collector,) = egress[0]["to"]
    assert (endpoint.port, f"collector.{collector['namespaceSelector']['matchLabels']['kubernetes.io/metadata.name']}") == (
        4318,
        endpoint.hostname,
    )


@pytest.mark.parametrize("place", ["base", "kserve"])
def test_the_pods_settings_are_the_servers_but_for_where_files_are_and_who_checks_tokens(place: str) -> None:
    ours, pods = settings(ROOT / "config.properties"), settings(MANIFESTS / place / "config.properties")
    changed = {"metrics_address", "metrics_config", "vmargs"} | ({"inference_address"} if place == "kserve" else set())
    assert {line.partition("=")[0] for line in ours - pods} == changed
    assert {line.partition("=")[0] for line in pods - ours - {ADDED}} == changed
    assert {"management_address=http://127.0.0.1:8081", ADDED} <= pods


def test_the_operators_rules_are_those_of_the_monitoring_word_for_word() -> None:
    assert yaml.safe_load(TARGET.read_text()) == prometheus_rule()


def test_the_queue_scales_by_series_that_are_recorded() -> None:
    folder = MANIFESTS / "components" / "queue-scaling"
    rules = yaml.safe_load((folder / "adapter-rules.yaml").read_text())["externalRules"]
    recorded = {rule.get("record") for group in prometheus_rule()["spec"]["groups"] for rule in group["rules"]}
    assert {rule["seriesQuery"] for rule in rules} <= recorded
    asked = {each["value"]["external"]["metric"]["name"] for each in yaml.safe_load((folder / "autoscaler.yaml").read_text())}
    assert asked == {rule["name"]["as"] for rule in rules}


class Upstream(ThreadingHTTPServer):
    """A stand-in for TorchServe that answers after a pause; it keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", free_port()), Answers)
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.status, self.pause_s = 200, 0.0
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answers(BaseHTTPRequestHandler):
    server: Upstream
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, dict(self.headers), body))
        time.sleep(self.server.pause_s)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(b"7")

    def log_message(self, format: str, *values: object) -> None:
        """Log nothing."""


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server
        server.shutdown()


@pytest.fixture
def nginx(upstream: Upstream, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, str]]:
    """The pod's nginx before the stand-in: its process, and the addresses of its two ports."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    if shutil.which("nginx", path=path) is None:
        pytest.skip("nginx is not installed; apt-get install nginx")
    port = free_port()
    text = (MANIFESTS / "base" / "nginx.conf").read_text()
    moves = {
        "127.0.0.1:8080": f"127.0.0.1:{upstream.server_address[1]}",
        "listen 8001": f"listen 127.0.0.1:{port + 1}",
        "/tmp/": f"{tmp_path}/",
    }
    for shipped, own in (moves | {"/etc/nginx-digits/": f"{tmp_path}/", "/etc/nginx-tokens/": f"{tmp_path}/"}).items():
        assert shipped in text
        text = text.replace(shipped, own)
    (tmp_path / "nginx.conf").write_text(text)
    (tmp_path / "listen.conf").write_text((MANIFESTS / "base" / "listen.conf").read_text().replace("8000", f"127.0.0.1:{port}"))
    (tmp_path / "tokens.conf").write_text('"~^Bearer right$" 1;\n')
    command = ["nginx", "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path), "-g", "daemon off; user root;"]
    with subprocess.Popen(command, env=os.environ | {"PATH": path}) as process:
        try:
            deadline = time.monotonic() + 60
            while is_free(port):
                assert process.poll() is None and time.monotonic() < deadline, "nginx does not listen"
                time.sleep(0.05)
            yield process, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"
        finally:
            process.terminate()


def test_probes_send_the_known_picture_without_a_token_and_follow_the_answer(nginx: tuple[Any, str, str], upstream: Upstream) -> None:
    _, _, probes = nginx
    assert httpx.get(f"{probes}/ready/digits_onnx", headers={"Authorization": "Bearer x"}).status_code == 200
    ((path, headers, body),) = upstream.asked
    assert path == "/predictions/digits_onnx"
    assert "Authorization" not in headers
    assert base64.b64decode(json.loads(body)["instances"][0]["b64"]) == SEVEN.read_bytes()
    upstream.status = 503
    assert httpx.get(f"{probes}/ready/digits_onnx").status_code == 503
    assert httpx.get(f"{probes}/predictions/digits_onnx").status_code == 404


def test_the_token_is_checked_before_the_server_is_asked_and_not_passed_on(nginx: tuple[Any, str, str], upstream: Upstream) -> None:
    _, url, _ = nginx
    tokens = ("Bearer right", "Bearer no")
    asked = [httpx.post(f"{url}/predictions/digits", content=b"x", headers={"Authorization": token}) for token in tokens]
    assert [answer.status_code for answer in asked] == [200, 401]
    ((_, headers, _),) = upstream.asked
    assert "Authorization" not in headers
    assert httpx.get(f"{url}/models", headers={"Authorization": "Bearer right"}).status_code == 404


def test_requests_under_way_are_answered_when_a_pod_is_told_to_end(nginx: tuple[Any, str, str], upstream: Upstream) -> None:
    process, url, _ = nginx
    upstream.pause_s = 1.0

    def ask(_: int) -> int:
        return httpx.post(f"{url}/predictions/digits", content=b"x", headers={"Authorization": "Bearer right"}, timeout=60).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(ask, range(8))
        deadline = time.monotonic() + 60
        while len(upstream.asked) < 8:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGQUIT)  # what nginx -s quit sends
        assert list(answers) == [200] * 8
    assert process.wait(60) == 0
