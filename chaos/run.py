"""`python -m chaos.run` breaks a server under load in sixteen ways and prints what happened to the requests."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from chaos.clients.knee import find_knee, warm_up
from chaos.clients.load import Client
from chaos.clients.questions import ask_alone, single
from chaos.faults import FAULTS, FaultPlace, InjectedFault
from chaos.pods import TOKEN, Cluster, PodService, cluster, deployment, find_nginx
from chaos.proxy import find_haproxy, haproxy
from chaos.scene import FORESEEN, HIGHEST_KNEE, MODEL, PORT, Scene, impatient_store, supervised, token_or_none
from chaos.tables import console, counts, latencies, write_csv
from chaos.trial import Trial, try_fault
from deploy.server import ROOT, Server
from deploy.settings.server_flags import OPEN_TO_MODELS
from testbed.command import EXIT_FAILED, ending
from testbed.connection import Pool
from testbed.flags import names, rate
from testbed.pictures import DATA_ROOT, LabelledPicture, load_pictures

OUT = Path("reports/chaos")
PICTURES = 200
SHORT_TOKENS = {"token_expiration_min": "1"}
LET_IN, GOOD_CONNECTIONS = 100, 90  # connections from one address: the shipped proxy's limit, and what all good clients together use of it


def main() -> None:
    parser = argparse.ArgumentParser(prog="chaos.run", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT, help="of the separate server; its other ports move with it")
    parser.add_argument("--faults", type=names, default=",".join(fault.name for fault in FAULTS), help="names, separated by commas")
    parser.add_argument("--knee", type=rate, default="0", help="requests a second, if it is known (default: it is measured first)")
    parser.add_argument("--data-root", type=Path, default=DATA_ROOT)
    flags = parser.parse_args()
    known = {fault.name: fault for fault in FAULTS}
    unknown = sorted(set(flags.faults) - known.keys())
    if unknown or not flags.faults:
        parser.error(f"no fault {', '.join(unknown)}; there are {', '.join(known)}")
    OUT.mkdir(parents=True, exist_ok=True)
    out = console()
    with ending(parser.prog, *FORESEEN):
        pictures = load_pictures(flags.data_root, PICTURES)
        plan = FaultPlan(port=flags.port, store=ROOT / "model_store", pictures=pictures, knee=flags.knee)
        trials = run([known[name] for name in flags.faults], plan, out.print)
    write_csv(OUT / "chaos.csv", trials)
    out.print(counts(trials), latencies(trials))
    print(f"{OUT}/chaos.csv")
    if failed := [trial.fault for trial in trials if not trial.passed]:
        print(f"not survived: {', '.join(failed)}", file=sys.stderr)
        sys.exit(EXIT_FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """The parameters of a run.

    Attributes:
        port: of the inference API of its server.
        store: the folder with the archives.
        pictures: the pictures that are sent.
        knee: requests a second; 0 if it has to be found.
        out: the folder for the server's console log.
    """

    port: int
    store: Path
    pictures: Sequence[LabelledPicture]
    knee: float = 0.0
    out: Path = OUT


def run(faults: Sequence[InjectedFault], plan: FaultPlan, report: Callable[[str], None]) -> list[Trial]:
    """The trials of `faults`, place by place, each of which is made for its own."""
    places = {fault.place for fault in faults}
    if FaultPlace.PROXY in places:
        find_haproxy()  # to fail before minutes of work
    if FaultPlace.PODS in places:
        find_nginx()
    trials, knees = list[Trial](), dict[FaultPlace, float]()
    for place in (FaultPlace.ALONE, FaultPlace.PROXY, FaultPlace.PODS, FaultPlace.SHORT_TOKENS):
        chosen = [fault for fault in faults if fault.place is place]
        if not chosen:
            continue
        knee = plan.knee or (knees.get(FaultPlace.ALONE, 0.0) if place is FaultPlace.SHORT_TOKENS else 0.0)
        with ExitStack() as stack:
            asked = _asked(stack, place, plan)
            done, knees[place] = asyncio.run(_try_all(chosen, asked, replace(plan, knee=knee), report))
            trials += done
    return trials


def _asked(stack: ExitStack, place: FaultPlace, plan: FaultPlan) -> tuple[Server, Pool, Cluster | None]:
    """A server that runs until the stack is left, what it is asked through, and the cluster where that is one."""
    store = stack.enter_context(impatient_store(plan.store))
    state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-state-")))
    if place is FaultPlace.PODS:
        found = stack.enter_context(cluster(store, state, MODEL, plan.port, deployment()["spec"]["replicas"]))
        return found.pods[0].server, PodService([pod.url for pod in found.pods]), found
    server = Server(plan.port, store, state, OPEN_TO_MODELS | (SHORT_TOKENS if place is FaultPlace.SHORT_TOKENS else {}))
    stack.callback(_keep_console, server, plan.out)
    stack.enter_context(supervised(server))
    if place is FaultPlace.PROXY:
        return server, Pool(stack.enter_context(haproxy(server, LET_IN)), GOOD_CONNECTIONS), None
    return server, Pool(server.inference), None


async def _try_all(
    faults: Sequence[InjectedFault], asked: tuple[Server, Pool, Cluster | None], plan: FaultPlan, report: Callable[[str], None]
) -> tuple[list[Trial], float]:
    server, pool, cluster = asked
    try:
        client = Client(pool, lambda: TOKEN if cluster else token_or_none(server))
        questions = await ask_alone(pool, [single(MODEL, picture) for picture in plan.pictures], client.token)
        if plan.knee:
            await warm_up(client, questions)
        knee = plan.knee or min(HIGHEST_KNEE, await find_knee(client, questions))
        report(f"knee: {knee:,.0f} requests/s of one picture; the load is half of it")
        scene = Scene(server, pool, client, questions, knee, cluster=cluster)
        trials = []
        for fault in faults:
            trials.append(await try_fault(scene, fault))
            report(line(trials[-1], fault))
        return trials, knee
    finally:
        await pool.close()


def _keep_console(server: Server, out: Path) -> None:
    if (server.folder / "console.log").is_file():  # otherwise the server was never started
        shutil.copy(server.folder / "console.log", out)


def line(trial: Trial, fault: InjectedFault) -> str:
    """Print a trial as soon as it is over."""
    return f"{fault.name}: {fault.what}; {', '.join([f'well again after {trial.recovery_s:.1f} s', *trial.notes])}"


if __name__ == "__main__":
    main()
