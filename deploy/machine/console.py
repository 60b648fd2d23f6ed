"""What TorchServe printed about its own end."""

import re

RECORD = re.compile(r"\d{4}-\d\d-\d\dT\S+ \[(\w+) *\]")  # of the log, with its level, as logging.xml writes it
STOPPED = "Torchserve stopped."  # what the frontend ended over is printed after it, and is no record
UNSERVED = "IS NOT SERVED"  # in what a worker says whose model could not be loaded; TorchServe logs what workers say as INFO
FAULT = re.compile(r"ERROR|WARN|Error|Exception|Invalid")
# What the launcher always says of vmargs, frames of a stack, and a fault of TorchServe's own in ending before it was up.
NOISE = re.compile(
    r"Warning: TorchServe is using non-default JVM parameters|\s+at |\s+\.\.\. \d+ more"
    r"|Exception in thread \"Thread-\d+\" java.lang.NullPointerException"
)
LINES = 5


def cause(log: str) -> list[str]:
    """The last lines of a console's log that say what went wrong.

    These are warnings and errors, a worker's word that it serves no model, and what is printed without a level: by the launcher and
    Java before the log begins, and by the frontend after its last record.
    """
    told, is_outside = [], True
    for line in log.splitlines():
        record = RECORD.match(line)
        if record:
            is_outside = STOPPED in line
        is_told = UNSERVED in line or (record[1] in ("WARN", "ERROR") if record else is_outside or FAULT.search(line) is not None)
        if is_told and line.strip() and not NOISE.match(line):
            told.append(line)
    return told[-LINES:]
