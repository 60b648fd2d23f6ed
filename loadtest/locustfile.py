"""Users who send MNIST's test pictures to one model without pause. `make loadtest` runs this file for each target; by hand:

    export TOKEN=$(python -m deploy.server token)
    locust -f loadtest/locustfile.py --host http://127.0.0.1:8080 --model digits --headless -u 32 -r 32 -t 10s

or, for Locust's web page on port 8089, `--web-host 127.0.0.1` in place of `--headless` and what follows it.
"""

import sys
from collections.abc import Iterator
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any, ClassVar

from locust import FastHttpUser, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from digitkit.contract import Prediction
from loadtest.answers import WrongAnswer, check_answer
from loadtest.figures import Figures, Result, write_result
from loadtest.pictures import DATA_ROOT, PicturesError, load_pictures
from loadtest.reference import ServerRefused, accuracy, ask_alone, auth_headers, predict_path

SHARES = (0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 1.0)


class Sender(FastHttpUser):
    """Sends one picture after the other; an answer with the wrong content is a failed request.

    All users draw from one endless round of pictures, so no two that are under way at once are the same. Where the server
    mixes two of them up, both answers are wrong, unless the two are answered alike: one pair in twenty, both the same digit.
    """

    insecure = False  # a server's certificate is checked
    connection_timeout = network_timeout = 10.0  # seconds
    cases: ClassVar[Iterator[tuple[bytes, Prediction]]]  # a picture and what it must be answered

    def on_start(self) -> None:
        options = self.environment.parsed_options
        self.path, self.headers = predict_path(options.model), auth_headers(options.token)

    @task
    def predict(self) -> None:
        picture, expected = next(self.cases)
        sent = self.client.post(self.path, data=picture, headers=self.headers, catch_response=True)  # type: ignore[arg-type]
        with sent as response:
            if response.request_meta["exception"] is None:  # else Locust itself counts it as failed
                try:
                    check_answer(response.content, expected)
                except WrongAnswer as err:
                    response.failure(str(err))


def add_arguments(parser: LocustArgumentParser) -> None:
    """The arguments beside Locust's own; none is on the web page, which would show the token to whoever opens it."""
    add = partial(parser.add_argument, include_in_web_ui=False)
    add("--model", env_var="LOADTEST_MODEL", default="digits", help="the model's name in TorchServe")
    add("--token", env_var="TOKEN", default="", help="the inference token; better in the environment than here")
    add("--data-root", default=str(DATA_ROOT), help="the folder that holds MNIST/raw")
    add("--result", default="", help="a file for what is measured, as JSON")


def learn_answers(environment: Environment, **_: object) -> None:
    """Ask for every picture before the load; what the server answers now is what it must answer then."""
    options: Any = environment.parsed_options
    try:
        pictures = load_pictures(Path(options.data_root))
        answers = ask_alone(environment.host or "", options.model, options.token, pictures)
    except (PicturesError, ServerRefused) as err:
        sys.exit(f"loadtest: {err}")
    right = accuracy(answers, pictures)
    print(f"{options.model}: {right:.2%} of {len(pictures)} test pictures are read right", flush=True)
    Sender.cases = cycle(zip([picture.png for picture in pictures], answers, strict=True))
    if options.result:
        environment.events.quitting.add_listener(partial(save_result, accuracy=right))  # type: ignore[no-untyped-call]


def save_result(environment: Environment, *, accuracy: float, **_: object) -> None:
    """Write what --result names, from Locust's own statistics."""
    options: Any = environment.parsed_options
    total, errors = environment.stats.total, environment.stats.errors.values()
    percentiles = {str(share): float(total.get_response_time_percentile(share)) for share in SHARES}
    figures = Figures(
        p50_ms=percentiles["0.5"],
        p95_ms=percentiles["0.95"],
        p99_ms=percentiles["0.99"],
        failure_ratio=total.fail_ratio,
        answers_per_s=total.total_rps - total.total_fail_per_sec,
        accuracy=accuracy,
    )
    failures = {error.to_name().partition(": ")[2]: error.occurrences for error in errors}
    result = Result(target=options.model, figures=figures, requests=total.num_requests, percentiles_ms=percentiles, failures=failures)
    write_result(result, Path(options.result))


events.init_command_line_parser.add_listener(add_arguments)  # type: ignore[no-untyped-call]
events.init.add_listener(learn_answers)  # type: ignore[no-untyped-call]
