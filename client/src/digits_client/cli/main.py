"""Where the command `digits` begins: it tells in a sentence if the extra is missing."""

import sys
from importlib.util import find_spec


def main() -> None:
    """Run the command."""
    if find_spec("typer") is None or find_spec("rich") is None:
        sys.exit('digits: the command needs the extra cli: pip install "digits-client[cli]"')
    from digits_client.cli.commands import app

    app()
