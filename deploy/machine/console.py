"""Why TorchServe ended, from what it printed."""

import re

RECORD = re.compile(r"\d{4}-\d\d-\d\dT\S+ \[(\w+) *\]")  # of the log, with its level, as logging.xml writes it
STOPPED = "Torchserve stopped."  # the frontend prints the cause of its end after this, not as a record of the log
UNSERVED = "IS NOT SERVED"  # a worker prints this if its model could not be loaded; TorchServe logs whatever workers print as INFO
FAULT = re.compile(r"ERROR|WARN|Error|Exception|Invalid")
# The launcher's usual warning about vmargs, the frames of a stack, and an error of TorchServe's own when it ends before it is up.
NOISE = re.compile(
    r"Warning: TorchServe is using non-default JVM parameters|\s+at |\s+\.\.\. \d+ more"
    r"|Exception in thread \"Thread-\d+\" java.lang.NullPointerException"
)
LINES = 5


def cause(log: str) -> list[str]:
    """The last lines of a console's log that say what went wrong.

    These are warnings, errors, and a worker's message that it serves no model. Lines without a level count too: the launcher and
    Java print some before the log begins, and the frontend prints some after its last record.
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
