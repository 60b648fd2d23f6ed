"""`python -m loadtest.run` puts the targets of a profile under load, one after the other, and compares each with its budget.

Exit code 0: every budget is kept. 3: one is broken, or a figure is worse than the baseline's; each is named.
1: no server, token or pictures. 2: wrong settings.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from deploy.model_list import LIST
from deploy.server import Server as LocalServer
from deploy.server import ServerError
from deploy.settings.config import DEFAULTS
from deploy.settings.server_flags import add_server_flags
from digitkit.artifacts.card import CardError
from digitkit.artifacts.store import default_archive
from digitkit.contract import DeviceError
from digitkit.settings import SettingsError
from loadtest.answers_alone import ServerRefused, ask_alone
from loadtest.budget import BUDGETS, read_budget, targets_of
from loadtest.calibration import calibrate, load_bare
from loadtest.measure import MANAGEMENT_TOKEN, MASTER_PORT, TOKEN, Load, MeasureError, ServerUnderTest, measure
from loadtest.profile import DEFAULT, find_profile
from loadtest.results.baseline import RATIO
from loadtest.results.figures import Result
from loadtest.results.overview import REPORTS, Summary, read_baseline, show, write_summary
from loadtest.results.page import PAGE, write_page
from loadtest.strict_yaml import WrongSettings, read_certificates, to_number
from loadtest.subject import Subject, find_subject
from testbed.connection import Lost
from testbed.flags import positive
from testbed.pictures import DATA_ROOT, PicturesError

NO_ANSWER, WRONG_SETTINGS, BUDGET_BROKEN = 1, 2, 3
GRPC_PORT = DEFAULTS["grpc_inference_port"]  # of a remote server, unless --grpc names one
CA_VARIABLES = ("DIGITS_CA", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")  # the first that is set counts; OpenSSL and requests know the other two


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the load test and return the exit code."""
    flags = parse_flags(arguments)
    try:
        load, targets = to_load(flags), to_targets(flags)
        baseline = read_baseline(flags.baseline, load.scaled) if flags.baseline else None
        summary = measure_targets(flags, load, targets, baseline)
    except WrongSettings as err:
        return complain(WRONG_SETTINGS, f"loadtest: {err}")
    except (ServerError, ServerRefused, PicturesError, MeasureError, OSError) as err:
        return complain(NO_ANSWER, f"loadtest: {err}")
    show(summary)
    print(f"more in {reports_of(flags) / PAGE}", flush=True)
    broken = [f"budget broken: {line}" for line in summary.broken()]
    broken += [f"regression: {line}" for line in summary.regressions()]
    return complain(BUDGET_BROKEN, *broken) if broken else 0


def parse_flags(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="loadtest.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--profile", default=DEFAULT, help="a section of loadtest/profiles.yaml")
    add("--target", default="", help="models, separated by commas (default: those of --models, or those that are built by default)")
    add("--users", type=positive, help="of a closed workload, instead of the profile's")
    add("--rate", type=positive, help="arrivals a second of an open workload, instead of the profile's")
    add("--seconds", type=positive, help="measured for each target, instead of the profile's")
    add("--host", default="", help=f"as http://127.0.0.1:8080, with the token in {TOKEN} (default: the local server, whose token is known)")
    add("--grpc", default="", help=f"host:port (default: port {GRPC_PORT} of the host)")
    add("--management", default="", help=f"http://…:8081 of a remote server, whose management token is in {MANAGEMENT_TOKEN}")
    ca = next((os.environ[name] for name in CA_VARIABLES if os.environ.get(name)), "")
    add("--ca", default=ca, help=f"the file of the CA's certificates for https://, in PEM form ({', '.join(CA_VARIABLES)})")
    add("--processes", type=positive, default="1", help="processes of this machine that send")
    add("--machines", type=int, default=0, help="other machines that send, each with a Locust worker")
    add("--exporter-port", type=int, default=0, help="for Prometheus, on 127.0.0.1; 0 for none")
    add("--baseline", default="", help="the folder of an earlier report to compare with")
    add("--ratio", type=float, default=RATIO, help="how many times worse is a regression")
    add_server_flags(parser)  # for the local server, which is used if no host is given
    add("--budgets", type=Path, default=BUDGETS, help="the folder with the limits")
    add("--model-list", type=Path, default=LIST, help="the list of models, which names the task, the pictures and the budget of each")
    add("--data-root", type=Path, default=DATA_ROOT, help="the folder that holds MNIST/raw")
    add("--reports", default="", help=f"the folder for the report (default: {REPORTS}/PROFILE)")
    return parser.parse_args(arguments)


def to_load(flags: argparse.Namespace) -> Load:
    """The profile with the changes that the flags make; raises WrongSettings."""
    profile = find_profile(flags.profile)
    to_number("RATIO", flags.ratio, lowest=1)
    to_number("MACHINES", flags.machines)
    to_number("EXPORTER_PORT", flags.exporter_port, highest=65535)
    if flags.rate and profile.workload == "closed":
        raise WrongSettings(f"profile {profile.name} is a closed workload: LOADTEST_USERS sets its users, it has no LOADTEST_RATE")
    if flags.users and profile.workload == "open":
        raise WrongSettings(f"profile {profile.name} is an open workload: LOADTEST_RATE sets its arrivals, it has no LOADTEST_USERS")
    return Load(
        profile=profile, load=flags.users or flags.rate, seconds=flags.seconds, processes=flags.processes, machines=flags.machines,
        exporter_port=flags.exporter_port, budgets=flags.budgets, model_list=flags.model_list, data_root=flags.data_root,
    )  # fmt: skip


def to_targets(flags: argparse.Namespace) -> list[str]:
    """The models to test; raises WrongSettings if one has no budget."""
    named = [name for name in flags.target.split(",") if name] or list(flags.models)
    targets = named or targets_of(flags.profile, flags.budgets, models=flags.model_list)
    for target in targets:
        read_budget(flags.profile, target, flags.budgets, models=flags.model_list)
    if flags.machines and len(targets) > 1:
        raise WrongSettings("other machines end with the test of one target; name it with TARGET=")
    return targets


def find_server(flags: argparse.Namespace) -> ServerUnderTest:
    """The server that is named, or the local one; raises ServerError if that is down, WrongSettings if the CA cannot be read."""
    if not flags.host:
        local = LocalServer(flags.port, models=flags.models)
        return ServerUnderTest(
            host=local.inference, token=local.token(), grpc=local.grpc,
            management=local.management, management_token=local.token("management"),
        )  # fmt: skip
    grpc = flags.grpc or f"{urlsplit(flags.host).hostname}:{GRPC_PORT}"
    is_tls = any(url.lower().startswith("https:") for url in (flags.host, flags.management))
    ca = flags.ca if is_tls else ""
    read_certificates(ca)  # to fail before the load; Locust reads them again
    return ServerUnderTest(
        host=flags.host.rstrip("/"), token=os.environ.get(TOKEN, ""), grpc=grpc, ca=ca,
        management=flags.management.rstrip("/"), management_token=os.environ.get(MANAGEMENT_TOKEN, ""),
    )  # fmt: skip


def measure_target(subject: Subject, load: Load, server: ServerUnderTest, folder: Path, *, store: Path | None) -> Result:
    """What a target does, and what share that is of what the machine can; raises MeasureError.

    Args:
        store: with the archives of a server on this machine; None where the machine is not to be measured.
    """
    if store is None:
        return measure(subject.name, load, server, folder)
    try:
        read = load_bare(default_archive(store / f"{subject.name}.mar"))
        before = calibrate(server.host, server.token, read, subject.bodies)
        result = measure(subject.name, load, server, folder)
        machine = before.between(calibrate(server.host, server.token, read, subject.bodies))
    except (CardError, DeviceError, SettingsError, Lost) as err:
        raise MeasureError(f"this machine could not be calibrated: {err}") from err
    return replace(result, figures=replace(result.figures, rps_share=result.figures.rps / machine.rps))


def measure_targets(flags: argparse.Namespace, load: Load, targets: list[str], baseline: Summary | None) -> Summary:
    """Measure every target and write the reports; those of an earlier test stay until all new ones are complete."""
    server = find_server(flags)
    if load.profile.management and not server.management:
        raise WrongSettings(f"profile {load.profile.name} needs the management API: name it with MANAGEMENT=http://… MANAGEMENT_TOKEN=…")
    subjects = [find_subject(target, load.model_list, load.data_root, load.profile.pictures) for target in targets]
    budgets = {target: read_budget(load.profile.name, target, load.budgets, models=load.model_list) for target in targets}
    # The machine of a server elsewhere cannot be measured from here.
    stores = {target: LocalServer(flags.port).model_store for target, budget in budgets.items() if "rps_share" in budget and not flags.host}
    for subject in subjects:
        ask_alone(server.host, subject.name, server.token, subject.bodies[:1], task=subject.task, ca=server.ca)
    if load.machines:
        print(f"waiting for {load.machines} machines on port {MASTER_PORT}: locust -f loadtest/locustfile.py --worker --master-host …")
    reports = reports_of(flags)
    reports.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=reports, prefix=".new-") as folder:
        made = Path(folder)
        summary = Summary(
            profile=load.profile.name,
            question=load.profile.question,
            workload=load.profile.workload,
            load=load.scaled.summary,
            host=server.host,
            pictures=max(len(subject.pictures) for subject in subjects),
            targets=[measure_target(subject, load, server, made, store=stores.get(subject.name)) for subject in subjects],
            budgets=budgets,
            ended=datetime.now().isoformat(timespec="seconds"),
            baseline=baseline,
            ratio=flags.ratio,
        )
        write_summary(summary, made)
        write_page(summary, made)
        for path in made.iterdir():
            path.replace(reports / path.name)
    return summary


def reports_of(flags: argparse.Namespace) -> Path:
    return Path(flags.reports) if flags.reports else REPORTS / flags.profile


def complain(code: int, *lines: str) -> int:
    """Print the lines to stderr and return the exit code."""
    print(*lines, sep="\n", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
