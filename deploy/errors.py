"""What the commands of this folder end with, in place of a traceback."""


class ServerError(Exception):
    """The server cannot be started or reached; the message says what to do."""
