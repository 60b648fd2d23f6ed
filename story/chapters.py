"""The chapters of the story, in their order: each does one thing with the real parts, and says whether what it promises holds."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import yaml

from deploy.machine.local import client
from deploy.server import REQUEST_TIMEOUT_S, ROOT, Server
from digitkit.collect.sample_store import SampleStore, StorePlace
from promotion.admission import VERDICT, WEIGHTS, admit
from promotion.canary_bounds import CanaryBounds
from promotion.errors import NotPromoted
from promotion.promote import Promotion
from promotion.staging import stage
from story.arrivals import display_digits
from story.reviewers import copied, poisoned, review, truths_of
from story.steady_clients import SteadyClients, share_read
from testbed.command import EXIT_FAILED
from testbed.pictures import LabelledPicture

MODEL: Final = "digits"
RULES: Final = ROOT / "deploy" / "monitoring" / "alerts.yml"
ALERT: Final = "DigitsDrift"
GAUGE: Final = re.compile(r'^digits_drift_psi\{.*statistic="(\w+)".*\} (\S+)$', re.MULTILINE)
ASKED: Final = 300  # pictures of the new source by which its accuracy is known, none of which is sent otherwise
SENT: Final = 400  # other pictures of it that arrive, beside half as many of MNIST
REVIEWED: Final = 200
POISON: Final = 0.3  # of the labels, in the chapter where reviewers are wrong
MOST_LOST: Final = 0.0005  # of MNIST's test pictures, as a share
BEFORE: Final = 0.9  # the new source is read less well than this at first
AFTER: Final = 0.97  # and better than this at last
# From the labels alone, which takes half the time; beside more of MNIST and of drawn pictures than as shipped, so that a source that is so
# unlike MNIST costs less of it.
LEARNED: Final = ("--unlabelled", 0, "--pool", 6_000, "--epochs", 5, "--rehearsal", 6, "--synthetic", 0.4, "--learning-rate", 0.0015)
DRIFT_WITHIN_S: Final = 600.0
LOOK_S: Final = 2.0
# The shipped bounds but for these: a new kind of pictures is meant to be read differently, and a machine that does everything at once
# has latencies of its own.
BOUNDS: Final = {"seconds": 5, "pictures": 150, "disagreement": 1.0, "latency_slack_ms": 1_000}


class Chapter(NamedTuple):
    """What a chapter came to."""

    name: str
    told: str
    held: bool


@dataclass(frozen=True, slots=True)
class Story:
    """The story of one server.

    Attributes:
        server: that runs, started for promotions, and keeps pictures.
        traffic: that asks it through a splitter, MNIST's pictures at first.
        url: of the predictions, through the splitter.
        champion: the weights that it serves.
        folder: of what is made; its `collected` is the store of kept pictures.
        data_root: holds MNIST/raw.
        seed: of all that is drawn.
    """

    server: Server
    traffic: SteadyClients
    url: str
    champion: Path
    folder: Path
    data_root: Path
    seed: int

    def chapters(self) -> Iterator[Chapter]:
        """Play them one after the other."""
        draw = np.random.default_rng(self.seed)
        asked, arriving = display_digits(ASKED, draw), mixed(display_digits(SENT, draw), self.traffic.pictures)
        before = share_read(self.url, self.server.headers(), asked)
        yield Chapter("arrives", f"the served model reads {before:.1%} of {ASKED} pictures of the new source", before < BEFORE)
        yield self.drifts(arriving)
        truths = truths_of(arriving)
        self.forget(asked)
        wrong = copied(self.folder / "collected", self.folder / "collected-poisoned")
        yield self.is_stopped(wrong, poisoned(truths, POISON, self.seed))
        yield self.is_learned(truths)
        yield self.is_promoted()
        after, drop = share_read(self.url, self.server.headers(), asked), self.gate("mnist_drop")
        told = f"it reads {after:.1%} of the new source, and {100 * drop:.2f} points less of MNIST"
        yield Chapter("answers", told, after > AFTER and drop <= MOST_LOST)
        answered, lost = self.traffic.answered, self.traffic.lost.total()
        told = ", ".join(f"{count:,} requests by {version}" for version, count in sorted(answered.items()))
        yield Chapter("counted", f"answered {told}; lost {lost} {dict(self.traffic.lost) or ''}".rstrip(), lost == 0 and len(answered) == 2)

    def drifts(self, arriving: Sequence[LabelledPicture]) -> Chapter:
        """The new pictures arrive, each at least once, until the index of a statistic is where the drift alert fires."""
        bound, found = alert_bound(), dict[str, float]()
        self.traffic.pictures = arriving
        until, all_came = time.monotonic() + DRIFT_WITHIN_S, self.traffic.answered.total() + len(arriving)
        while time.monotonic() < until and (self.traffic.answered.total() < all_came or max(found.values(), default=0.0) <= bound):
            time.sleep(LOOK_S)
            found = drift_of(self.server)
        told = ", ".join(f"{statistic} {index:.2f}" for statistic, index in sorted(found.items())) or "no index yet"
        return Chapter("drifts", f"{ALERT} fires above {bound:g}: {told}", max(found.values(), default=0.0) > bound)

    def forget(self, pictures: Sequence[LabelledPicture]) -> None:
        """Delete pictures from the store: nothing is to be learned from those that measure what was learned."""
        store = SampleStore(StorePlace(str(self.folder / "collected")))
        store.forget(list(truths_of(pictures)))
        store.close()

    def is_stopped(self, store: Path, truths: dict[str, str]) -> Chapter:
        """Reviewers who are often wrong: what is learned from them must not pass."""
        settled, _ = review(store, truths, REVIEWED)
        self.learn(store, self.folder / "poisoned", mnist=2_000)
        told = f"of {settled} labels {POISON:.0%} are wrong"
        try:
            admit(self.folder / "poisoned")
        except NotPromoted as err:
            return Chapter("poisoned", f"{told}, and nothing is promoted: {err}", True)
        return Chapter("poisoned", f"{told}, and no gate stops it", False)

    def is_learned(self, truths: dict[str, str]) -> Chapter:
        """Reviewers who are right: what is learned from them passes every gate."""
        settled, looks = review(self.folder / "collected", truths, REVIEWED)
        self.learn(self.folder / "collected", self.run, mnist=10_000)
        told = f"{settled} pictures are reviewed in {looks} looks"
        try:
            admitted = admit(self.run)
        except NotPromoted as err:
            return Chapter("learned", f"{told}, but {err}", False)
        return Chapter("learned", f"{told}; version {admitted.card.version} passes {len(admitted.gates)} gates", settled >= REVIEWED)

    def is_promoted(self) -> Chapter:
        """Shadow, canary and the take-over, under the traffic."""
        said: list[str] = []
        promotion = Promotion(self.server, replace(CanaryBounds.read(), **BOUNDS), say=said.append)
        try:
            promotion.run(admit(self.run), "story", lambda it, models: stage(it.weights, models, promotion.places, self.data_root))
        except NotPromoted as err:
            return Chapter("promoted", str(err), False)
        version = self.server.describe(MODEL)["modelVersion"]
        stages = [line.partition(":")[0] for line in said if " beside " in line]
        return Chapter("promoted", f"{', '.join(stages)}: {version} answers by default", True)

    @property
    def run(self) -> Path:
        """The folder of the challenger that is promoted."""
        return self.folder / "retrained"

    def gate(self, name: str) -> float:
        """The figure of a gate in the verdict on it."""
        gates = json.loads((self.run / VERDICT).read_text())["gates"]
        return float(next(gate["figure"] for gate in gates if gate["name"] == name))

    def learn(self, store: Path, run: Path, mnist: int) -> None:
        """Retrain the champion on a store's labels and judge what came of it, by the commands of make retrain and make judge.

        Args:
            mnist: of how many of MNIST's test pictures both are judged.
        """
        data, pictures, weights = ("--data-root", self.data_root), run / "pictures", run / WEIGHTS
        called("loop.labels", "--store", store, "--out", pictures, "--all", log=self.log)
        called("training.retrain", "--data", pictures, "--init-from", self.champion, "--out", weights, *LEARNED, *data, log=self.log)
        judged = ("--champion", self.champion, "--challenger", weights, "--mnist-pictures", mnist, "--out", self.folder / "reports")
        called("training.judge.run", *judged, *data, log=self.log, codes=(0, EXIT_FAILED))

    @property
    def log(self) -> Path:
        """What the commands print."""
        return self.folder / "commands.log"


class CommandFailed(Exception):
    """A command of the loop ended as none should; the message says which, and where its words are."""


def called(module: str, *flags: object, log: Path, codes: Sequence[int] = (0,)) -> None:
    """Run one of our commands, what it prints added to a log; raises CommandFailed for an exit code that is none of `codes`."""
    with log.open("ab") as printed:
        command = [sys.executable, "-m", module, *map(str, flags)]
        code = subprocess.run(command, cwd=ROOT, stdout=printed, stderr=subprocess.STDOUT, check=False).returncode
    if code not in codes:
        raise CommandFailed(f"{module} ended with {code}; {log} says why")


def mixed(new: Sequence[LabelledPicture], usual: Sequence[LabelledPicture]) -> list[LabelledPicture]:
    """Two pictures of the new source for each of the usual ones."""
    return [picture for i, each in enumerate(usual) for picture in (new[2 * i], new[2 * i + 1], each)]


def alert_bound() -> float:
    """The index from which on the drift alert fires, as the rules of Prometheus say it."""
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    return float(next(rule["expr"] for rule in rules if rule.get("alert") == ALERT).rpartition(">")[2])


def drift_of(server: Server) -> dict[str, float]:
    """The index of each statistic, as the server's metrics have it; empty before enough pictures came."""
    with client() as session:
        page = session.get(f"{server.metrics}/metrics", timeout=REQUEST_TIMEOUT_S)
    page.raise_for_status()
    return {statistic: float(index) for statistic, index in GAUGE.findall(page.text)}
