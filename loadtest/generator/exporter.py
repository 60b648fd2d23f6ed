"""Locust's own figures for Prometheus, so that one dashboard shows the client's and the server's side."""

from collections.abc import Iterator
from typing import Final

from locust.env import Environment
from locust.stats import StatsEntry
from prometheus_client import start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from loadtest.generator.shape import LATE

BUCKETS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
LABELS: Final = ("target", "profile", "door", "kind")


class LocustCollector(Collector):
    """Reads Locust's statistics at each scrape; on a master they cover all workers."""

    def __init__(self, environment: Environment) -> None:
        options = environment.parsed_options
        assert options is not None
        self.environment, self.test = environment, (options.model, options.profile)

    def collect(self) -> Iterator[Metric]:
        """Users, requests, failures, latency by door and kind, and how late the load generator itself is."""
        users = GaugeMetricFamily("locust_users", "Users of a closed workload, or sources of an open one.", labels=LABELS[:2])
        users.add_metric(self.test, self.environment.runner.user_count if self.environment.runner else 0)
        yield users
        requests = CounterMetricFamily("locust_requests", "Requests that ended, successfully or not.", labels=LABELS)
        failures = CounterMetricFamily("locust_failures", "Requests without the right answer.", labels=LABELS)
        latency = HistogramMetricFamily("locust_response_time_seconds", "Latency from sending, or from the due time.", labels=LABELS)
        late = HistogramMetricFamily("locust_late_seconds", "How late the load generator sent what was due.", labels=LABELS[:2])
        for (kind, door), entry in list(self.environment.stats.entries.items()):
            if (kind, door) == LATE:
                late.add_metric(self.test, *_to_buckets(entry))
                continue
            labels = (*self.test, door, kind)
            requests.add_metric(labels, entry.num_requests)
            failures.add_metric(labels, entry.num_failures)
            latency.add_metric(labels, *_to_buckets(entry))
        yield from (requests, failures, latency, late)


def _to_buckets(entry: StatsEntry) -> tuple[list[tuple[str, float]], float]:
    """Cumulative counts by upper bound, and the sum of all times in seconds."""
    counts = [(str(bound), sum(n for ms, n in entry.response_times.items() if ms <= bound * 1000)) for bound in BUCKETS_S]
    return [*counts, ("+Inf", entry.num_requests)], entry.total_response_time / 1000


def start_exporter(environment: Environment, port: int) -> None:
    """Serve http://127.0.0.1:`port`/metrics until the process ends."""
    registry = CollectorRegistry()
    registry.register(LocustCollector(environment))
    start_http_server(port, addr="127.0.0.1", registry=registry)
