"""Whether Java, TorchServe and the tools around them can work in the folder of this checkout. Standard library only."""

import os
from pathlib import Path

from deploy.errors import ServerError

# The workers' sockets are files in the server's own folder; Linux takes 107 bytes for the path of one.
SOCKET, SOCKET_BYTES = Path("tmp", ".ts.sock.65535"), 107
TAKEN = {":": "Java's class path and PATH are lists with colons between", ",": "Locust takes a list of files with commas between"}


def check_folder(folder: Path) -> None:
    """Return if a server can be started in a folder; raises ServerError if Java or TorchServe cannot handle its path."""
    path = str(folder.absolute())
    for letter, reason in TAKEN.items():
        if letter in path:
            raise ServerError(f"{folder} has {letter!r} in its path: {reason}; move the checkout to another folder")
    if not path.isprintable():
        raise ServerError(f"{path!r} has letters in it that are not UTF-8 or cannot be printed; move the checkout to another folder")
    used = len(os.fsencode(folder.absolute() / SOCKET))
    if used > SOCKET_BYTES:
        too_long = f"the path of {folder} is {used - SOCKET_BYTES} bytes too long for the workers' sockets in it"
        raise ServerError(f"{too_long}; move the checkout to a shorter one")
