"""The error that the commands of this folder end with, instead of a traceback."""


class ServerError(Exception):
    """The server cannot be started or reached; the message says what to do."""
