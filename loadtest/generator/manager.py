"""Management traffic: one user describes the model under load, scales it and makes it the default."""

import json
from itertools import cycle
from typing import Any

from locust import FastHttpUser, constant, task

from loadtest.answers_alone import auth_headers

PAUSE_S = 1.0  # between two actions
TIMEOUT_S = 60.0  # a new worker takes seconds to load
ACTIONS = (
    ("describe", "GET", ""),
    ("scale to 2", "PUT", "?min_worker=2&max_worker=2&synchronous=true"),
    ("describe", "GET", ""),
    ("set default", "PUT", "/{version}/set-default"),
    ("scale to 1", "PUT", "?min_worker=1&max_worker=1&synchronous=true"),
)


class Manager(FastHttpUser):
    """Works through ACTIONS in turn, and at the end gives the model as many workers as it had before."""

    fixed_count = 1  # Locust starts exactly one, regardless of the load
    insecure = False
    connection_timeout = network_timeout = TIMEOUT_S
    wait_time = constant(PAUSE_S)

    def on_start(self) -> None:
        options: Any = self.environment.parsed_options
        self.url = f"{options.management}/models/{options.model}"
        self.token = auth_headers(options.management_token)
        (description, *_) = json.loads(self._act("describe", "GET", ""))
        self.version: str = description["modelVersion"]
        self.workers = description["minWorkers"], description["maxWorkers"]
        self.actions = cycle(ACTIONS)

    def on_stop(self) -> None:
        least, most = self.workers
        self._act("scale back", "PUT", f"?min_worker={least}&max_worker={most}&synchronous=true")

    @task
    def act(self) -> None:
        name, method, path = next(self.actions)
        self._act(name, method, path.format(version=self.version))

    def _act(self, name: str, method: str, path: str) -> bytes:
        """The body of the answer to one action."""
        url = self.url + path
        with self.client.request(method, url, name=name, headers=self.token, catch_response=True) as response:
            response.request_meta["request_type"] = "management"
            return response.content or b"null"
