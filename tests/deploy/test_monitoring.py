"""Rules, alerts and dashboards: each expression is PromQL over metrics that exist, each alert fires and is explained."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from served import MODELS

from deploy.model_list import read_models
from deploy.monitoring import monitor
from deploy.monitoring.monitor import SOURCE, Monitor, MonitorError, sent_to
from deploy.monitoring.probe import HELP, exposition, probe
from deploy.server import Server

DASHBOARDS = sorted((SOURCE / "dashboards").glob("*.json"))
VARIABLES = {"$__rate_interval": "5m", "$model": "digits"}
NAME = re.compile(r"(?<![\w:])((?:digits_|ts_|Requests|Worker|model:|service:|up\b)[\w:]*)")


def needs(program: str) -> str:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed: apt-get install prometheus prometheus-alertmanager")
    return program


def rules() -> list[dict[str, Any]]:
    files = [yaml.safe_load((SOURCE / name).read_text()) for name in ("recording.yml", "alerts.yml")]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def panels() -> Iterator[tuple[str, str]]:
    """Each expression of the dashboards, with its place."""
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                expression = target["expr"]
                for variable, value in VARIABLES.items():
                    expression = expression.replace(variable, value)
                yield f"{path.stem}: {panel['title']}", expression


def metric_names() -> set[str]:
    """Every name that a scrape or a recording rule gives."""
    declared = yaml.safe_load((ROOT / "metrics.yaml").read_text())
    scraped = {metric["name"] for section in declared.values() for kind in section.values() for metric in kind}
    return scraped | set(HELP) | {rule["record"] for rule in rules() if "record" in rule} | {"up"}


ALERTS = [rule for rule in rules() if "alert" in rule]


@pytest.mark.parametrize(
    "command",
    [
        ["promtool", "check", "config", "prometheus.yml"],
        ["promtool", "test", "rules", "alerts_test.yml"],
        ["amtool", "check-config", "alertmanager.yml"],
    ],
    ids=lambda command: " ".join(command[:3]),
)
def test_prometheus_own_tools_find_nothing_wrong(command: list[str]) -> None:
    needs(command[0])
    done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_expression_of_a_dashboard_is_promql(tmp_path: Path) -> None:
    numbered = [{"record": f"panel:{i}", "expr": expression} for i, (_, expression) in enumerate(panels())]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": numbered}]}))
    checked = subprocess.run([needs("promtool"), "check", "rules", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert len(numbered) > 30


def test_every_metric_that_is_asked_for_exists() -> None:
    asked = [*panels(), *((rule.get("alert") or rule["record"], rule["expr"]) for rule in rules())]
    unknown = {(place, name) for place, expression in asked for name in NAME.findall(expression) if name not in metric_names()}
    assert unknown == set()
    assert all(NAME.search(expression) or "locust_" in expression for _, expression in asked)


def test_every_figure_of_the_load_test_that_is_shown_is_one_that_its_exporter_has() -> None:
    exporter = (ROOT / "loadtest" / "generator" / "exporter.py").read_text()
    shown = {name for _, expression in panels() for name in re.findall(r"locust_\w+", expression)}
    assert len(shown) == 3
    assert all(f'"{re.sub("_(total|bucket)$", "", name)}"' in exporter for name in shown)


def test_every_metric_of_a_worker_is_shown_or_watched() -> None:
    everything = " ".join([*(expression for _, expression in panels()), *(rule["expr"] for rule in rules())])
    workers = {name for name in metric_names() if name.startswith("digits_")}
    histograms = {name for name in workers if name.endswith(("_bucket", "_sum", "_count"))}
    assert {name for name in workers - histograms if name not in everything} == set()


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_has_its_paragraph_in_the_runbook_its_severity_and_its_test(alert: dict[str, Any]) -> None:
    file, _, anchor = alert["annotations"]["runbook"].partition("#")
    sections = re.findall(r"^## (.+)\n\n(?=\S)", (ROOT / file).read_text(), re.M)
    assert anchor in {section.lower() for section in sections}
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert f'alertname="{alert["alert"]}"' in (SOURCE / "alerts_test.yml").read_text()


def test_every_alert_that_waits_has_a_case_that_fails_if_it_does_not(tmp_path: Path) -> None:
    for path in SOURCE.glob("*.yml"):
        (tmp_path / path.name).write_text(re.sub(r"^ +for: .+\n", "", path.read_text(), flags=re.M))
    command = [needs("promtool"), "test", "rules", "alerts_test.yml"]
    failed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    too_early: set[str] = set()
    for expected, got in re.findall(r"exp: (.+)\n +got: (.+)\n", failed.stdout + failed.stderr):
        too_early |= set(re.findall(r'alertname="(\w+)"', got)) - set(re.findall(r'alertname="(\w+)"', expected))
    assert too_early == {alert["alert"] for alert in ALERTS if "for" in alert}


def test_every_link_of_the_runbook_leads_somewhere() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text()
    anchors = {section.lower() for section in re.findall(r"^## (.+)", text, re.M)}
    assert set(re.findall(r"\]\(#(\w+)\)", text)) <= anchors
    named = set(re.findall(r"^## (Digits\w+)", text, re.M))
    assert named == {alert["alert"] for alert in ALERTS} - {"DigitsSpendsItsErrorBudgetFast"}  # it shares a section


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_has_no_two_panels_in_one_place(path: Path) -> None:
    dashboard = json.loads(path.read_text())
    taken = [
        (x, y)
        for panel in dashboard["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(taken) == len(set(taken))
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_a_missing_program_is_told_with_what_brings_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(monitor.shutil, "which", lambda name: None)
    with pytest.raises(MonitorError, match="prometheus is not installed; apt-get install prometheus prometheus-alertmanager"):
        Monitor(Server(22_180, state=tmp_path)).start()


def test_every_receiver_sends_to_the_webhook_and_alertmanager_takes_it(tmp_path: Path) -> None:
    given = (SOURCE / "alertmanager.yml").read_text()
    file = tmp_path / "alertmanager.yml"
    file.write_text(sent_to("https://pager.example/a?b=c", given))
    before, after = yaml.safe_load(given), yaml.safe_load(file.read_text())
    hooks = [{"url": "https://pager.example/a?b=c", "send_resolved": True}]
    assert after == before | {"receivers": [receiver | {"webhook_configs": hooks} for receiver in before["receivers"]]}
    checked = subprocess.run([needs("amtool"), "check-config", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("webhook", ["pager.example/a", "ftp://pager.example", "http://"])
def test_a_webhook_that_is_no_address_is_refused_in_words(webhook: str, tmp_path: Path) -> None:
    with pytest.raises(MonitorError, match=f"the webhook is '{webhook}'; it must be an address that begins with http:// or https://"):
        Monitor(Server(22_180, state=tmp_path), webhook=webhook).start()


def test_whether_alerts_are_sent_there_is_read_from_what_is_running(tmp_path: Path) -> None:
    hook, other = "http://127.0.0.1:5001/", "http://127.0.0.1:5002/"
    silent, sending, elsewhere = (Monitor(Server(22_180, state=tmp_path), webhook=address) for address in ("", hook, other))
    silent.folder.mkdir(parents=True)
    routes = (SOURCE / "alertmanager.yml").read_text()
    (silent.folder / "alertmanager.yml").write_text(routes)
    assert (silent.is_sent(), sending.is_sent()) == (True, False)
    (silent.folder / "alertmanager.yml").write_text(sent_to(hook, routes))
    assert (silent.is_sent(), sending.is_sent(), elsewhere.is_sent()) == (False, True, False)


def test_nothing_to_stop_is_no_error(tmp_path: Path) -> None:
    assert Monitor(Server(22_180, state=tmp_path)).stop() is False


def test_a_server_that_is_gone_has_failed_the_probe(tmp_path: Path) -> None:
    told = list(probe(Server(22_180, state=tmp_path), [read_models()[name] for name in MODELS]))
    assert {(name, label): value for name, label, value in told if name != "digits_probe_duration_seconds"} == {
        ("digits_probe_success", f'model_name="{model}"'): 0 for model in MODELS
    }


def test_samples_of_a_metric_stand_together_under_its_help() -> None:
    text = exposition(iter([("digits_probe_success", 'model_name="digits"', True), ("digits_workers_ready", 'model_name="digits"', 2)]))
    lines = text.splitlines()
    assert lines[lines.index("# TYPE digits_probe_success gauge") + 1] == 'digits_probe_success{model_name="digits"} 1.0'
    assert 'digits_workers_ready{model_name="digits"} 2.0' in lines
    checked = subprocess.run([needs("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
