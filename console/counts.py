"""What the server has counted, from the text of its /metrics, and what happened between two such counts."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

PREFIX = "digits_"
PERCENTILES = (0.5, 0.95, 0.99)

Buckets = dict[float, float]  # an upper bound, and how many values do not exceed it


@dataclass(slots=True)
class ModelCounts:
    """What one model has counted since the server started, over all its versions and workers.

    Attributes:
        requests: that workers have answered, refused ones included.
        seconds: cumulative buckets of the time that a request is in a worker.
        confidence: cumulative buckets of the confidence of what was read.
        errors: refused pictures and requests, by type.
        rejected: pictures that were not accepted, by reason.
        read: how often each digit was read.
        drift: the population stability index by statistic, of the worker that has drifted furthest.
        memory: resident bytes by worker.
    """

    requests: float = 0.0
    seconds: Buckets = field(default_factory=lambda: defaultdict(float))
    confidence: Buckets = field(default_factory=lambda: defaultdict(float))
    errors: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    rejected: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    read: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    drift: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)


def read_counts(text: str) -> dict[str, ModelCounts]:
    """The counts of each model in the text of /metrics; raises ValueError if it is not in Prometheus' format."""
    models: dict[str, ModelCounts] = defaultdict(ModelCounts)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith(PREFIX) and "model_name" in sample.labels:
                # The parser ends every counter's name with _total, those of a histogram's buckets too.
                name = sample.name.removeprefix(PREFIX).removesuffix("_total")
                _add(models[sample.labels["model_name"]], name, sample.labels, sample.value)
    return dict(models)


def _add(counts: ModelCounts, name: str, labels: Mapping[str, str], value: float) -> None:
    match name:
        case "batch_requests_sum":
            counts.requests += value
        case "handler_seconds_bucket":
            counts.seconds[float(labels["le"])] += value
        case "confidence_bucket":
            counts.confidence[float(labels["le"])] += value
        case "errors":
            counts.errors[labels["type"]] += value
        case "not_accepted":
            counts.rejected[labels["reason"]] += value
        case "predictions":
            counts.read[labels["digit"]] += value
        case "drift_psi":
            counts.drift[labels["statistic"]] = max(value, counts.drift.get(labels["statistic"], 0.0))
        case "worker_resident_bytes":
            counts.memory[labels["worker"]] = value


def between(earlier: ModelCounts, later: ModelCounts, seconds: float) -> dict[str, float | None]:
    """Requests and errors a second and the percentiles in milliseconds of what was counted in between; None where nothing was.

    A server that was started anew counts from 0: then all that it has counted is new.
    """
    if later.requests < earlier.requests:
        earlier = ModelCounts()
    added = {bound: count - earlier.seconds.get(bound, 0.0) for bound, count in later.seconds.items()}
    found: dict[str, float | None] = {
        "rate": (later.requests - earlier.requests) / seconds,
        "errors": (sum(later.errors.values()) - sum(earlier.errors.values())) / seconds,
    }
    for share in PERCENTILES:
        value = percentile(added, share)
        found[f"p{100 * share:.0f}"] = None if value is None else 1000 * value
    return found


def percentile(buckets: Buckets, share: float) -> float | None:
    """The value below which a share of the counted ones lies, None if nothing was counted.

    As histogram_quantile of Prometheus does, values count as spread evenly within their bucket, and what lies above the highest bound
    counts as that bound.
    """
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0.0
    if total <= 0:
        return None
    below, lower, rank = 0.0, 0.0, share * total
    for bound in bounds:
        if buckets[bound] >= rank:
            if bound == inf:
                return lower
            return lower + (bound - lower) * (rank - below) / max(buckets[bound] - below, 1e-12)
        below, lower = buckets[bound], bound
    return lower


def totals(counts: ModelCounts) -> dict[str, Any]:
    """What was counted since the server's start, as the page shows it: buckets hold their own values alone."""
    bounds = sorted(counts.confidence)
    own = [counts.confidence[bound] - (counts.confidence[bounds[i - 1]] if i else 0.0) for i, bound in enumerate(bounds)]
    return {
        "requests": counts.requests,
        "confidence": [{"to": min(bound, 1.0), "count": count} for bound, count in zip(bounds, own, strict=True) if bound <= 1 or count],
        "errors": {type: count for type, count in counts.errors.items() if count},
        "rejected": dict(counts.rejected),
        "read": [counts.read.get(str(digit), 0.0) for digit in range(10)],
        "drift": counts.drift,
        "memory": counts.memory,
    }
