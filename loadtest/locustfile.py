"""What Locust runs: a profile's users and stages against one model. `make loadtest` runs it for each target; by hand:

    export DIGITS_TOKEN=$(python -m deploy.server token)
    locust -f loadtest/locustfile.py --host http://127.0.0.1:8080 --model digits --profile mixed --headless

or, for Locust's web page on port 8089, `--web-host 127.0.0.1` instead of `--headless`. A worker of a distributed test gets
all it needs from its master: `locust -f loadtest/locustfile.py --worker --master-host ADDRESS`.
"""

import os
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from locust import User, events, runners
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from deploy.errors import ServerError
from deploy.model_list import LIST
from deploy.settings.config import DEFAULTS
from loadtest.answers_alone import ServerRefused, ask_alone, check_management, explain_alone
from loadtest.budget import BUDGETS, read_budget
from loadtest.generator.exporter import start_exporter
from loadtest.generator.grpc_users import GrpcUser, OipUser
from loadtest.generator.manager import Manager
from loadtest.generator.outcome import save_result
from loadtest.generator.shape import Course
from loadtest.generator.traffic import EXPLAINED, Known, Traffic
from loadtest.generator.users import RestSender, RestUser, Sender, V2User, trusting
from loadtest.measure import MANAGEMENT_TOKEN, TOKEN
from loadtest.profile import DEFAULT, Profile, find_profile
from loadtest.strict_yaml import WrongSettings, read_certificates
from loadtest.subject import Subject, find_subject
from testbed.pictures import DATA_ROOT, PicturesError

SENDERS: tuple[type[Sender], ...] = (RestUser, V2User, GrpcUser, OipUser)

runners.WORKER_REPORT_INTERVAL = 1.0  # seconds, instead of 3, because stages are only a few seconds long


def add_arguments(parser: LocustArgumentParser) -> None:
    """Add our arguments to Locust's own, whose --profile names a section of profiles.yaml.

    Tokens are not arguments, which everybody can see in the list of processes. No argument is shown on the web page.
    """
    add = partial(parser.add_argument, include_in_web_ui=False)
    add("--model", default="digits", help="the model's name in TorchServe")
    add("--grpc", default=f"127.0.0.1:{DEFAULTS['grpc_inference_port']}", help="host:port of gRPC")
    add("--management", default=DEFAULTS["management_address"], help="the management API")
    add("--ca", env_var="DIGITS_CA", default="", help="the file of the certificates that are trusted over TLS, in PEM form")
    add("--load", type=float, help="load of the first stage, instead of the profile's")
    add("--seconds", type=float, help="length of all stages, instead of the profile's")
    add("--warm-up", type=float, default=2.0, help="seconds before the first stage, which are not measured")
    add("--budgets", default=str(BUDGETS), help="the folder with the limits")
    add("--model-list", default=str(LIST), help="the list of models")
    add("--data-root", default=str(DATA_ROOT), help="the folder that holds MNIST/raw")
    add("--result", default="", help="a file for what is measured, as JSON")
    add("--exporter-port", type=int, default=0, help="port of Locust's own figures for Prometheus, on 127.0.0.1; 0 for none")


def set_up(environment: Environment, **_: object) -> None:
    """On the process that leads the test: read the settings, ask for every answer once, and prepare the users."""
    runner, options, course = environment.runner, environment.parsed_options, environment.shape_class
    if isinstance(runner, runners.WorkerRunner):
        environment.events.test_start.add_listener(set_up_worker)
        return
    assert runner is not None and options is not None and isinstance(course, Course)
    options.profile = options.profile or DEFAULT
    options.token, options.management_token = os.environ.get(TOKEN, ""), os.environ.get(MANAGEMENT_TOKEN, "")
    try:
        asked = find_profile(options.profile).scaled(options.load, options.seconds)
        models = Path(options.model_list)
        budget = read_budget(asked.name, options.model, Path(options.budgets), models=models)
        subject = find_subject(options.model, models, Path(options.data_root), asked.pictures)
        profile = asked.loaded_for(subject.task)
        known = learn(environment.host or "", profile, subject, options)
        if profile.management:
            check_management(options.management, options.model, options.management_token, ca=options.ca)
        certificates = read_certificates(options.ca)
    except (WrongSettings, PicturesError, ServerRefused, ServerError) as err:
        sys.exit(f"loadtest: {err}")
    right = subject.accuracy(known.answers)
    print(f"{options.model}: {right:.2%} of {len(subject.pictures)} test pictures are read correctly; {profile.summary}", flush=True)
    course.prepare(profile, budget, warm_up_s=options.warm_up, users=prepare_users(profile, known, certificates, profile.source_rate))
    # Locust passes all options on to its workers.
    message = {"profile": profile.to_message(), "known": asdict(known), "certificates": certificates}
    options.setup = message | {"source_rate": profile.source_rate}
    if options.exporter_port:
        start_exporter(environment, options.exporter_port)
    if options.result:
        save = partial(save_result, course=course, accuracy=right, path=Path(options.result))
        environment.events.quitting.add_listener(save)


def learn(host: str, profile: Profile, subject: Subject, options: Any) -> Known:
    """The answers before the load, which must be the same under load; raises ServerRefused."""
    name, task, bodies = subject.name, subject.task, subject.bodies
    answers = ask_alone(host, name, options.token, bodies, task=task, ca=options.ca)
    explained = bodies[:EXPLAINED] if "explanation" in profile.traffic else []
    return Known(task, bodies, answers, explain_alone(host, name, options.token, explained, task=task, ca=options.ca))


def prepare_users(profile: Profile, known: Known, certificates: str, source_rate: float) -> list[type[User]]:
    """The user classes that a profile needs, with their shares and requests; all trust `certificates` over TLS."""
    Sender.certificates, Sender.rate = certificates, source_rate
    RestSender.ssl_context_factory = Manager.ssl_context_factory = trusting(certificates)
    senders, traffic = [sender for sender in SENDERS if sender.door in profile.doors], Traffic(known)
    for sender in senders:
        sender.prepare(profile, traffic)
    return [*senders, Manager] if profile.management else [*senders]


def set_up_worker(environment: Environment, **_: object) -> None:
    """Prepare the users with what the master knows."""
    options: Any = environment.parsed_options
    told = options.setup
    prepare_users(Profile.from_message(told["profile"]), Known(**told["known"]), told["certificates"], told["source_rate"])


events.init_command_line_parser.add_listener(add_arguments)
events.init.add_listener(set_up)
