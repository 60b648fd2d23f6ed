"""The error of the export."""


class ExportError(Exception):
    """An artifact failed its check; what was served before is unchanged."""
