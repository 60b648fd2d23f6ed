"""A version beside the served ones: registered through the management API, taken away again, or made the default.

TorchServe's API only registers on a server that was started with --promotions; then it takes archives of the model store and nothing else,
since `allowed_urls` names no place.
"""

from collections.abc import Sequence
from pathlib import Path

import requests

from deploy.rollback import call, note, versions, wait_ready
from deploy.server import START_TIMEOUT_S, Server
from digitkit.artifacts.card import card_path
from digitkit.artifacts.place import place
from digitkit.artifacts.store import former_path
from promotion.errors import NotPromoted


def default_version(server: Server, model: str) -> str:
    return str(server.describe(model)["modelVersion"])


def register(server: Server, staged: dict[str, Path], version: str) -> None:
    """Put each archive into the store under its version, where a start serves it beside the default one, and register it now.

    Raises:
        NotPromoted: the server was not started for promotions.
        RollbackError: the workers of the version do not become ready, or could not load their model.
        requests.RequestException: the management API does not answer, or refuses the archive.
    """
    for model, archive in staged.items():
        beside = former_path(server.model_store / archive.name, version)
        place(archive, beside)
        if version in versions(server, model):
            continue
        workers = max(1, len(server.describe(model)["workers"]))
        try:
            call(server, "POST", f"/models?url={beside.name}&initial_workers={workers}&synchronous=false")
        except requests.HTTPError as err:
            if err.response.status_code != requests.codes.method_not_allowed:
                raise
            told = "this server does not let models be registered; make run PROMOTIONS=on restarts it as one that does"
            raise NotPromoted(told) from err
    wait_ready(server, [f"{model}/{version}" for model in staged], START_TIMEOUT_S)


def take_away(server: Server, models: Sequence[str], version: str) -> None:
    """Undo register(), as far as it was done. Nobody may be waiting for this version, since what is in its queue gets no answer.

    Raises:
        requests.RequestException: the management API does not answer; the store has been cleared, so the next start is without it.
    """
    for model in models:
        archive = former_path(server.model_store / f"{model}.mar", version)
        archive.unlink(missing_ok=True)  # before its card: an archive without a card would keep the server from starting
        card_path(archive).unlink(missing_ok=True)
    for model in models:
        if version in versions(server, model):
            call(server, "DELETE", f"/models/{model}/{version}")


def make_default(server: Server, models: Sequence[str], version: str) -> None:
    """Have a version answer all that name none, now and after the next start; raises RollbackError."""
    wait_ready(server, [f"{model}/{version}" for model in models])
    for model in models:
        call(server, "PUT", f"/models/{model}/{version}/set-default")
    note(server, list(models), version)
