"""The flags that tell a command which server is meant."""

import argparse

from deploy.settings.config import to_port
from testbed.flags import names

# Of a server whose models may be registered: make promote and make chaos need one. `allowed_urls` holds it to archives of its own store.
OPEN_TO_MODELS = {"enable_model_api": "true"}


def add_server_flags(parser: argparse.ArgumentParser) -> None:
    """Add --port and --models, which must have the values that the server was started with."""
    parser.add_argument(
        "--port", type=to_port, default="", help="of the inference API, instead of that in config.properties; the others move with it"
    )
    parser.add_argument("--models", type=names, default="", help="models that it serves, separated by commas (default: all in its store)")
