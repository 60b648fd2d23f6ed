"""Which reader a model is for: each package beside this file is a task, and its reader stands in its reader.py."""

from importlib import import_module
from pkgutil import iter_modules

from digitkit import readers
from digitkit.artifacts.card import CardError
from digitkit.reader import Reader


def find_reader(task: str) -> Reader:
    """The reader of a card's task, imported when it is asked for.

    Raises:
        CardError: this code has no reader for the task.
    """
    known = sorted(module.name for module in iter_modules(readers.__path__) if module.ispkg)
    if task not in known:
        raise CardError(f"the card is for the task {task!r}, this code has a reader for {', '.join(known)}")
    reader: Reader = import_module(f"digitkit.readers.{task}.reader").READER
    return reader
