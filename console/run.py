"""The command: `python -m console.run` serves the page on loopback for the server that make run has started."""

import argparse
import sys
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from console.app import Console, create_app
from console.feedback import FeedbackStore, FolderStore
from console.reports import Reports
from console.review import KeptFeedback
from console.upstream import Apis, Upstream
from deploy.machine.local import is_free
from deploy.server import ROOT, Server, ServerError
from deploy.settings.config import CONSOLE_DISTANCE, to_port
from deploy.settings.server_flags import add_server_flags
from digitkit.collect.sample_store import SampleStore, StoreError, StorePlace
from digitkit.settings import Settings, SettingsError
from loop.desk import Desk

LOOPBACK = "127.0.0.1"
CONFIG_OF_MODELS = ROOT / "handlers" / "model-config.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(prog="console.run", description=__doc__)
    add_server_flags(parser)
    parser.add_argument("--listen", type=int, help=f"port of the page on loopback (default: {CONSOLE_DISTANCE} above the server's)")
    parser.add_argument("--feedback", type=Path, help="folder that keeps what people say of answers; without it, nothing is kept")
    parser.add_argument(
        "--collected", type=Path, help="the store of kept pictures, as collect.store in model-config.yaml, for their review"
    )
    parser.add_argument("--root-path", default="", help="prefix of the page's paths behind a proxy, as /digits")
    parser.add_argument("--origin", action="append", default=[], help="origin of the page behind a proxy, as https://console.example.org")
    flags = parser.parse_args()
    server = Server(flags.port, models=flags.models)
    port = flags.listen or server.port + CONSOLE_DISTANCE
    try:
        desk = Desk(SampleStore(StorePlace(str(flags.collected.absolute())))) if flags.collected else None
        console = for_server(server, port, flags.origin, flags.root_path, flags.feedback, desk)
        if not is_free(port):
            raise ServerError(f"port {port} is in use; choose another with --listen")
    except (ServerError, StoreError, SettingsError, OSError, ValueError) as err:
        sys.exit(f"{parser.prog}: {err}")
    print(f"The console is at http://{LOOPBACK}:{port}{console.prefix}/; Ctrl-C ends it", flush=True)
    # Forwarded headers are not trusted: the Host and the Origin are checked as they came.
    uvicorn.run(create_app(console), host=LOOPBACK, port=port, log_level="warning", ws="none", proxy_headers=False, server_header=False)


def for_server(server: Server, port: int, origins: list[str], prefix: str, feedback: Path | None, desk: Desk | None = None) -> Console:
    """A console for a server of this checkout; raises ServerError if the server is not running, or if a flag cannot be used."""
    if server.pid() is None:
        raise ServerError(f"no server is running on port {server.port}; make run starts it")
    if any(origin != f"{urlsplit(origin).scheme}://{urlsplit(origin).netloc}" for origin in origins):
        raise ServerError("an origin is a scheme, a host and where it has one a port, as https://console.example.org")
    if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
        raise ServerError("a prefix begins with / and does not end with it, as /digits")
    models = server.known()
    own = tuple(f"http://{host}:{port}" for host in (LOOPBACK, "localhost"))
    return Console(
        upstream=Upstream(Apis(server.inference, server.management, server.metrics), models, server.headers),
        origins=own + tuple(origins),
        body_bytes=int(server.settings.value("max_request_size")),
        token_command=f".venv/bin/python -m deploy.server token{'' if server.port == to_port('') else f' --port {server.port}'}",
        reports=Reports(ROOT / "reports"),
        prefix=prefix,
        store=FolderStore(feedback) if feedback else feedback_of(desk, {model.name: model.task for model in models}) if desk else None,
        desk=desk,
    )


def feedback_of(desk: Desk, tasks: dict[str, str]) -> FeedbackStore | None:
    """The store of feedback of a desk, whose pictures are kept as the workers keep theirs; raises SettingsError."""
    settings = Settings.read(CONFIG_OF_MODELS)
    return KeptFeedback(desk, settings.collect, settings.limits, tasks) if settings.collect else None


if __name__ == "__main__":
    main()
