"""Go back to the previous version without a restart: `python -m deploy.rollback`; --version chooses any version that is served.

Both versions run side by side, so no request is lost: new requests go to the other version at once, and waiting ones are answered by
the version that they were queued for. The choice is noted in the model store, and the next start follows it.
"""

import argparse
import sys
import time
from typing import Any

import requests

from deploy.machine.local import client
from deploy.model_list import DIGITS, read_models
from deploy.server import REQUEST_TIMEOUT_S, Server, ServerError
from deploy.settings.server_flags import add_server_flags
from digitkit.artifacts.card import CardError, version_key
from digitkit.artifacts.store import set_default

READY_TIMEOUT_S = 60.0
POLL_S = 0.2


class RollbackError(Exception):
    """There is no version to go back to, or the rollback was interrupted; the message says what is served."""


def rollback(server: Server, version: str = "") -> list[str]:
    """Make a version the default of every model of a task that has it, once its workers are READY; returns a line for each model.

    Args:
        version: "" for the newest version before the present default that all models of the server's start have, of this task.
    Raises:
        RollbackError: one of these models has no such version, it does not become ready, or the store cannot note it.
        ServerError: no server is running.
        requests.RequestException: the management API does not answer.
    """
    if server.pid() is None:
        raise ServerError(f"no server is running on port {server.port}; make run starts it")
    needed = concerned(server)
    alike = of_the_same_task(server, needed)
    served = {model: versions(server, model) for model in models(server) if model in alike}
    defaults = {model: str(server.describe(model)["modelVersion"]) for model in served}
    version = version or former(served, defaults, needed)
    lacking = [model for model in needed if version not in served[model]]
    if lacking:
        raise RollbackError(f"version {version} is not served: {listed(served, lacking)}; make run serves all that model_store/ holds")
    having = [model for model in served if version in served[model]]
    wait_ready(server, [f"{model}/{version}" for model in having])
    for model in having:
        call(server, "PUT", f"/models/{model}/{version}/set-default")
    note(server, having, version)
    changed = [f"{model}: {version} answers by default, {defaults[model]} did before" for model in having]
    return changed + [f"{model}: has no {version}, {defaults[model]} goes on" for model in served if model not in having]


def concerned(server: Server) -> tuple[str, ...]:
    """The chosen models, or those of digits, or all where none of them is served: weights of each task have versions of their own."""
    return server.models or tuple(model.name for model in server.known(DIGITS)) or server.served


def of_the_same_task(server: Server, names: tuple[str, ...]) -> set[str]:
    """These models and the others of the list whose task is one of theirs."""
    listed_models = read_models(server.model_list)
    tasks = {listed_models[name].task for name in names if name in listed_models}
    return {*names, *(name for name, model in listed_models.items() if model.task in tasks)}


def former(served: dict[str, list[str]], defaults: dict[str, str], needed: tuple[str, ...]) -> str:
    """The newest version before the present default that each of the `needed` models has; raises RollbackError.

    If the defaults differ, for example after an interrupted rollback, the newest of them counts, so the same command completes it.
    """
    present = max((defaults[model] for model in needed), key=version_key)
    shared = set.intersection(*(set(served[model]) for model in needed))
    older = [version for version in shared if version_key(version) < version_key(present)]
    if not older:
        raise RollbackError(f"there is no version before {present} to go back to: {listed(served, needed)}")
    return max(older, key=version_key)


def listed(served: dict[str, list[str]], models: "list[str] | tuple[str, ...]") -> str:
    return ", ".join(f"{model} has {' and '.join(served[model])}" for model in models)


def models(server: Server) -> list[str]:
    """The names of all models that are served."""
    return [str(model["modelName"]) for model in call(server, "GET", "/models?limit=100")["models"]]


def versions(server: Server, model: str) -> list[str]:
    """Every served version of a model, newest first."""
    described = call(server, "GET", f"/models/{model}/all")
    return sorted((str(each["modelVersion"]) for each in described), key=version_key, reverse=True)


def wait_ready(server: Server, names: list[str], timeout_s: float = READY_TIMEOUT_S) -> None:
    """Return once every worker of each model/version is READY and has loaded its model; raises RollbackError."""
    deadline = time.monotonic() + timeout_s
    while waiting := [name for name in names if not server.is_ready(name)]:
        if time.monotonic() > deadline:
            raise RollbackError(f"{', '.join(waiting)} not ready after {timeout_s:.0f} s, nothing was changed: {server.last_lines()}")
        time.sleep(POLL_S)
    for name in names:
        (described,) = call(server, "GET", f"/models/{name}?customized=true")
        if (described.get("customizedMetadata") or {}).get("loaded") is False:  # a worker that only refuses requests is READY too
            raise RollbackError(f"{name} could not be loaded and would refuse every request, nothing was changed: {server.last_lines()}")


def note(server: Server, names: list[str], version: str) -> None:
    """Note the version for the next start; raises RollbackError if the store cannot be written."""
    try:
        for name in names:
            set_default(server.model_store / f"{name}.mar", version)
    except (CardError, OSError, ValueError) as err:
        raise RollbackError(f"version {version} answers by default until the server's next start, which cannot know of it: {err}") from err


def call(server: Server, method: str, path: str) -> Any:
    """The management API's answer; raises requests.RequestException for an error."""
    with client() as session:
        answer = session.request(method, server.management + path, headers=server.headers("management"), timeout=REQUEST_TIMEOUT_S)
    answer.raise_for_status()
    return answer.json()


def main() -> None:
    parser = argparse.ArgumentParser(prog="deploy.rollback", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_server_flags(parser)
    parser.add_argument("--version", default="", help="version to make the default, older or newer (default: the previous one)")
    flags = parser.parse_args()
    server = Server(flags.port, models=flags.models)
    try:
        print("\n".join(rollback(server, flags.version)))
    except (RollbackError, ServerError) as err:
        sys.exit(f"{parser.prog}: {err}")
    except requests.RequestException as err:
        sys.exit(f"{parser.prog}: {server.management} gave no answer ({type(err).__name__}); run the same command again to continue")


if __name__ == "__main__":
    main()
