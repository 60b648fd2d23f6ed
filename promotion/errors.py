"""Why a promotion does not happen."""


class NotPromoted(Exception):
    """The challenger may not be promoted, or was taken back; the message says why, and the champion answers as before."""
