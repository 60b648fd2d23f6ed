"""The rules and alerts for the Prometheus operator: `python -m deploy.monitoring.prometheus_rule` writes them into deploy/kubernetes."""

from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "kubernetes" / "components" / "monitoring" / "prometheus-rule.yaml"
SOURCES = ("recording.yml", "alerts.yml")


def prometheus_rule() -> dict[str, Any]:
    """A PrometheusRule with the groups of SOURCES, word for word."""
    groups = [group for name in SOURCES for group in yaml.safe_load((HERE / name).read_text())["groups"]]
    metadata = {"name": "digits", "labels": {"app.kubernetes.io/name": "digits"}}
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": metadata, "spec": {"groups": groups}}


def main() -> None:
    told = f"# Of {' and '.join(SOURCES)} in deploy/monitoring; python -m deploy.monitoring.prometheus_rule writes it again.\n"
    TARGET.write_text(told + yaml.safe_dump(prometheus_rule(), sort_keys=False, width=140))


if __name__ == "__main__":
    main()
