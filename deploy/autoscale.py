"""Workers that follow the load: `python -m deploy.autoscale` beside a running server, since TorchServe itself never scales.

Every few seconds it reads how long requests waited for a worker. A model whose requests wait too long gets a worker more, up to --most;
one whose workers have little to do gets one less, down to --least. An idle worker costs memory alone, and TorchServe ends a worker in the
middle of its batch, whose requests then never get an answer. So a worker leaves in a quiet moment only, in which nothing is asked.

Its own metrics are at http://127.0.0.1:9116/metrics. With --dry-run it tells what it would do, and changes nothing.
"""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import fields
from typing import Final

import requests

from deploy.monitoring.probe import address
from deploy.scaling.figures_page import CHANGES, FAILURES, QUEUE, SHARE, WORKERS, AutoscaleFigures, AutoscalePage
from deploy.scaling.scaling_rules import Decider, Rules, WorkerLoad
from deploy.scaling.worker_load import Counted, Scaled, load_between
from deploy.server import Server, ServerError
from deploy.settings.server_flags import add_server_flags
from testbed.flags import positive

PORT: Final = 9116
USUAL: Final = Rules()
READING_S: Final = 10.0  # workers tell their counts every 5 s


class Autoscaler:
    """Watches the models of a server and changes their workers, one at a time.

    Args:
        quiet_s: of silence in which a worker may leave; 0 where clients ask again for what is lost.
        is_dry: whether it only tells.
    """

    def __init__(self, scaled: Scaled, rules: Rules, models: tuple[str, ...], *, quiet_s: float, is_dry: bool) -> None:
        self.scaled, self.rules, self.quiet_s, self.is_dry = scaled, rules, quiet_s, is_dry
        self.figures = AutoscaleFigures()
        self._deciders = {model: Decider(rules) for model in models}
        self._before: dict[str, Counted] = {}

    def turn(self) -> None:
        """Read all models once and change what is to be changed. A server that does not answer is asked again at the next turn."""
        for model, decider in self._deciders.items():
            try:
                self._turn_of(model, decider)
            except (requests.RequestException, ServerError, KeyError, ValueError) as err:
                self._before.pop(model, None)
                self.figures.count(FAILURES, f'model_name="{model}"')
                print(f"{model}: {err}", file=sys.stderr, flush=True)

    def _turn_of(self, model: str, decider: Decider) -> None:
        counts, label = self.scaled.read(model), f'model_name="{model}"'
        before = self._before.get(model)
        self._before[model] = counts
        self.figures.set(WORKERS, label, counts.workers)
        if before is None:
            return
        load = load_between(before, counts)
        self.figures.set(QUEUE, label, load.queue_s)
        self.figures.set(SHARE, label, load.busy)
        step = decider.decide(load, self.scaled.now())
        if step:
            self._change(model, decider, load, step)

    def _change(self, model: str, decider: Decider, load: WorkerLoad, step: int) -> None:
        if step < 0 and self.quiet_s and not self.is_dry and not self.scaled.is_quiet(model, self.quiet_s):
            return
        workers = load.workers + step
        told = f"requests waited {1000 * load.queue_s:.0f} ms, workers were busy for {load.busy:.0%} of the time"
        print(f"{model}: {load.workers} workers, {told}: {'would have' if self.is_dry else 'now'} {workers}", flush=True)
        if not self.is_dry:
            self.scaled.scale(model, workers)
            self.figures.count(CHANGES, f'model_name="{model}",direction="{"up" if step > 0 else "down"}"')
        self._before.pop(model)  # a worker that loads is no measure of the load
        decider.changed(self.scaled.now())


def rules_of(flags: argparse.Namespace) -> Rules:
    """The rules that the flags name; raises ValueError."""
    rules = Rules(**{field.name: getattr(flags, field.name) for field in fields(Rules) if hasattr(flags, field.name)})
    if rules.least > rules.most:
        raise ValueError(f"--least {rules.least} is more than --most {rules.most}")
    return rules


def flags_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The flags of the command line."""
    parser = argparse.ArgumentParser(prog="deploy.autoscale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_flags(parser)
    parser.add_argument("--least", type=positive, default=str(USUAL.least), help="workers of each model")
    parser.add_argument("--most", type=positive, default=str(USUAL.most), help="no more than cores, or than fit on a GPU")
    parser.add_argument("--target", type=float, default=USUAL.target_s, dest="target_s", help="seconds that requests may wait on average")
    parser.add_argument("--cool-down", type=float, default=USUAL.cool_down_s, dest="cool_down_s", help="seconds between two changes")
    parser.add_argument("--every", type=float, default=READING_S, help="seconds between two readings")
    parser.add_argument("--quiet", type=float, default=5.0, help="seconds of silence in which a worker may leave; 0 for at once")
    parser.add_argument("--dry-run", action="store_true", help="tell what would be done, and change nothing")
    parser.add_argument("--listen", type=address, default=f"127.0.0.1:{PORT}", help="PORT or HOST:PORT of its own metrics")
    return parser.parse_args(arguments)


def main() -> None:
    flags, ended = flags_of(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        server = Server(flags.port, models=flags.models)
        scaler = Autoscaler(Scaled(server), rules_of(flags), server.served, quiet_s=flags.quiet, is_dry=flags.dry_run)
        with AutoscalePage(flags.listen, scaler.figures):
            while not ended.is_set():
                scaler.turn()
                ended.wait(flags.every)
    except (ServerError, OSError, ValueError) as err:
        sys.exit(f"deploy.autoscale: {err}")


if __name__ == "__main__":
    main()
