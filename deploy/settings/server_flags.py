"""The flags by which commands are told which server they mean."""

import argparse

from deploy.settings.config import to_port
from testbed.flags import names


def add_server_flags(parser: argparse.ArgumentParser) -> None:
    """Add --port and --models, as the server was started with."""
    parser.add_argument(
        "--port", type=to_port, default="", help="of the inference API, in place of config.properties'; the others move with it"
    )
    parser.add_argument("--models", type=names, default="", help="that it serves, with commas between; else all in its store")
