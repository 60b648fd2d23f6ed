"""What keeping pictures costs: `python -m bench.collect_cost` loads a worker with wrk while it keeps some in every other turn.

It keeps a share of 0.01 at random, and else what model-config.yaml says as it is shipped, in a store that is new. PICTURES different
pictures are sent in turn, so that most of those that are chosen in the first minute are new to the store, up to its caps. The goal is
that no more than 2 % of the throughput is lost. How turns are compared, bench.metrics_cost says.
"""

import argparse
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from bench.metrics_cost import START, STOP, add_turn_flags, compare
from deploy.machine.java import JavaError
from deploy.server import ServerError
from digitkit.artifacts.card import check_card, facts, write_card
from testbed.archives import alter, rewrite
from testbed.command import ending

PICTURES: Final = 1000
SHARE: Final = 0.01
SWITCH: Final = f"""
import signal
collect = DigitHandler._collect
signal.signal({START.value}, lambda *_: setattr(DigitHandler, "_collect", collect))
signal.signal({STOP.value}, lambda *_: setattr(DigitHandler, "_collect", lambda self, *batch: None))
"""


def collecting(store: Path, archive: Path, copy: Path) -> None:
    """A copy of an archive, with its card, whose workers keep pictures in a store from START to STOP."""
    altered = alter(archive, store / archive.name, config={"collect": {"store": str(store), "share": SHARE}})
    rewrite(altered, copy, lambda name, content: content + SWITCH.encode() if name == "digit_handler.py" else content)
    write_card(copy, **facts(check_card(altered)))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench.collect_cost", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_turn_flags(parser)
    flags = parser.parse_args(arguments)
    with ending(parser.prog, ServerError, JavaError), tempfile.TemporaryDirectory() as folder:
        compare(flags, "collecting", partial(collecting, Path(folder)), PICTURES)
        kept = sum(1 for _ in Path(folder).rglob("pictures/*/*.png"))
    print(f"{kept} pictures were kept")


if __name__ == "__main__":
    main()
