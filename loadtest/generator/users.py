"""Locust's users: each sends the requests of a profile's traffic through one endpoint, in a closed or an open workload."""

import random
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any, ClassVar, Final

import gevent
from gevent import ssl
from gevent.pool import Group
from locust import FastHttpUser, User, tag

from loadtest.answers_alone import auth_headers
from loadtest.generator.doors import Post, from_rest, from_v2, in_words_of_rest, to_rest, to_v2
from loadtest.generator.shape import log_late
from loadtest.generator.traffic import Case, Traffic
from loadtest.profile import KINDS, SOURCE_RATE, Profile
from testbed.answers import WrongAnswer, check_answers

TIMEOUT_S = 10.0  # for an answer


def trusting(certificates: str) -> Callable[..., ssl.SSLContext] | None:
    """A factory of TLS contexts that trust only `certificates`, in PEM form; None if there are none: the public authorities are trusted."""
    return partial(_context, certificates) if certificates else None


def _context(certificates: str, cafile: str = "") -> ssl.SSLContext:
    """A context that trusts `certificates`, not those of `cafile`, which Locust's client passes."""
    return ssl.create_default_context(cadata=certificates)


class Sender(User):
    """One user of a closed workload, or one source of an open one, of `rate` arrivals a second.

    A closed user waits for its answer before it sends again, so it slows down with the server. A source sends each request
    when it is due, whether or not the earlier ones were answered. Latency counts from that scheduled time, so a stall is not hidden
    """

    abstract = True
    door: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]] = KINDS
    is_open: ClassVar[bool]
    rate: ClassVar[float] = SOURCE_RATE
    traffic: ClassVar[Traffic]
    certificates: ClassVar[str] = ""  # trusted over TLS, see trusting()

    @classmethod
    def prepare(cls, profile: Profile, traffic: Traffic) -> None:
        """Take the shares and the workload from the profile; `weight` and `tasks` are attributes that Locust reads."""
        Sender.traffic, Sender.is_open = traffic, profile.workload == "open"
        cls.weight = int(profile.doors[cls.door])
        cls.tasks = [TASKS[kind] for kind in cls.kinds for _ in range(int(profile.traffic.get(kind, 0)))]

    def on_start(self) -> None:
        options: Any = self.environment.parsed_options
        self.model: str = options.model
        self.under_way = Group()
        self.due = perf_counter()
        gevent.sleep(self.wait_time())  # the sources of a stage start together, but their first arrivals do not

    def on_stop(self) -> None:
        self.under_way.join(timeout=TIMEOUT_S)

    def wait_time(self) -> float:
        """Seconds to the next request: 0 for a closed user; for a source, the time to the next arrival of a Poisson process."""
        if not self.is_open:
            return 0.0
        self.due += random.expovariate(self.rate)
        return max(0.0, self.due - perf_counter())

    def send(self, kind: str) -> None:
        case = self.traffic.draw(kind)
        if self.is_open:
            self.under_way.add(gevent.spawn(self._ask_when_due, case, self.due))
        else:
            self.ask(case, perf_counter())

    def ask(self, case: Case, due: float) -> None:
        """Send a request, check its answer, and report both to Locust; latency counts from `due`, a time of perf_counter."""
        raise NotImplementedError

    def _ask_when_due(self, case: Case, due: float) -> None:
        log_late(self.environment.stats, (perf_counter() - due) * 1000)
        self.ask(case, due)


def _to_task(kind: str) -> Callable[[Sender], None]:
    @tag(kind)
    def send(user: Sender) -> None:
        user.send(kind)

    return send


TASKS: Final = {kind: _to_task(kind) for kind in KINDS}  # Locust's --tags can choose among them


class RestSender(Sender, FastHttpUser):
    """Sends over HTTP."""

    abstract = True
    insecure = False  # a server's certificate is checked
    connection_timeout = network_timeout = TIMEOUT_S
    concurrency = int(TIMEOUT_S * SOURCE_RATE) * 2  # connections, so that a due request never waits for one

    def on_start(self) -> None:
        super().on_start()
        options: Any = self.environment.parsed_options
        self.token = auth_headers(options.token)

    def post(self, case: Case) -> Post:
        raise NotImplementedError

    def read(self, body: bytes, case: Case) -> list[Any]:
        raise NotImplementedError

    def ask(self, case: Case, due: float) -> None:
        post = self.post(case)
        headers = self.token | ({"Content-Type": post.content_type} if post.content_type else {})
        sent = self.client.post(post.path, data=post.body, name=case.kind, headers=headers, catch_response=True)  # type: ignore[arg-type]
        with sent as response:
            response.request_meta["request_type"] = self.door
            response.request_meta["response_time"] = (perf_counter() - due) * 1000
            if response.status_code != post.status:
                if response.request_meta["exception"] is None:  # otherwise Locust itself counts it as failed and names the status
                    response.failure(f"status {response.status_code}, not {post.status}")
                return
            try:
                check_answers(self.read(response.content, case), case.expected)
                response.success()
            except WrongAnswer as err:
                response.failure(str(err))


class RestUser(RestSender):
    """A picture as the body, lists as forms."""

    door = "rest"

    def post(self, case: Case) -> Post:
        return to_rest(case, self.model)

    def read(self, body: bytes, case: Case) -> list[Any]:
        return from_rest(body, len(case.pictures))


class V2User(RestSender):
    """The Open Inference Protocol over REST, which has no explanations."""

    door = "v2"
    kinds = ("single", "list", "bad")

    def post(self, case: Case) -> Post:
        return to_v2(case, self.model)

    def read(self, body: bytes, case: Case) -> list[Any]:
        return in_words_of_rest(from_v2(body), case)
