"""Whether the folder of this checkout is one that Java, TorchServe and the tools around them can work in. Standard library only."""

import os
from pathlib import Path

from deploy.errors import ServerError

# The workers' sockets are files in the server's own folder; Linux takes 107 bytes for the path of one.
SOCKET, SOCKET_BYTES = Path("tmp", ".ts.sock.65535"), 107
TAKEN = {":": "Java's class path and PATH are lists with colons between", ",": "Locust takes a list of files with commas between"}


def check_folder(folder: Path) -> None:
    """Pass a folder that a server can be started in; raises ServerError where Java or TorchServe cannot take its path."""
    path = str(folder.absolute())
    for letter, reason in TAKEN.items():
        if letter in path:
            raise ServerError(f"{folder} has {letter!r} in its path: {reason}; move the checkout to another folder")
    if not path.isprintable():
        raise ServerError(f"{path!r} has letters in it that are no UTF-8 or cannot be printed; move the checkout to another folder")
    used = len(os.fsencode(folder.absolute() / SOCKET))
    if used > SOCKET_BYTES:
        too_long = f"the path of {folder} is {used - SOCKET_BYTES} bytes too long for the workers' sockets in it"
        raise ServerError(f"{too_long}; move the checkout to a shorter one")
