"""Answers to millions of pictures, without a server: `python -m scoring.run INPUT OUT` reads them and writes Parquet.

INPUT is a folder or a file: pictures, tar archives, Parquet; OUT a folder. Both may be addresses that fsspec knows, as s3://…. A run
that was killed goes on with the same command. Several machines share the work, each with its --share: docs/scoring.md.

Exit code 0: all pictures of the share have an answer or a refusal. 1: the input, the model or a process failed.
"""

import argparse
import hashlib
import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from digitkit.artifacts.card import check_card
from digitkit.contract import DeviceError
from digitkit.settings import Settings, SettingsError
from scoring.answer_files import BAD, AnswerFiles
from scoring.portions import PORTION_PICTURES, InputError, Portion, find_portions, open_place
from scoring.scorer import Scorer
from scoring.source_pictures import read_pictures
from testbed.command import ending
from testbed.flags import positive

WEIGHTS, CONFIG = Path("model_store/digits.onnx"), Path("handlers/model-config.yaml")
TERMINAL_S, LOG_S = 0.5, 30.0  # between two lines of progress


@dataclass(frozen=True, slots=True)
class Job:
    """What is read, by what, and where the answers go; each process is given it.

    Attributes:
        source, out: addresses of the pictures and of the answers.
        column: of Parquet files, in which the pictures are.
        weights, settings: of the model.
        gpu: that it runs on, None for none.
    """

    source: str
    out: str
    column: str
    weights: Path
    settings: Settings
    gpu: int | None

    def told(self, portions: Sequence[Portion]) -> dict[str, Any]:
        """What must be the same for answers to stand beside these: the portions by a hash, since there may be many."""
        listed = hashlib.sha256(repr(portions).encode()).hexdigest()
        told = {"input": self.source, "column": self.column, "portions": len(portions), "contents": listed}
        return told | {"model": check_card(self.weights).sha256, "settings": asdict(self.settings)}


class _Process:
    """What one process of the pool has loaded."""

    job: Job
    scorer: Scorer

    @classmethod
    def load(cls, job: Job) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first of them ends the others
        threading.Thread(target=end_with_parent, daemon=True).start()
        cls.job, cls.scorer = job, Scorer(job.weights, job.settings, job.gpu)

    @classmethod
    def answer(cls, number: int, portion: Portion) -> tuple[int, int]:
        """Answer a portion; how many pictures it has, and how many of them were refused."""
        files, _ = open_place(cls.job.source)
        return AnswerFiles(cls.job.out).write(number, cls.scorer.score(read_pictures(files, portion, cls.job.column)))


def end_with_parent() -> None:
    """End this process as soon as the one that started it has: where that is killed, nothing else would tell this one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def share_of(text: str) -> tuple[int, int]:
    """I/N, the I-th of N shares of the portions from 0 on; raises argparse's own error."""
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is no share; accepted is I/N with I from 0 to N - 1, as 0/4")
    return int(index), int(count)


def answer_all(job: Job, due: dict[int, Portion], processes: int) -> Iterator[tuple[int, int]]:
    """Answer portions in several processes; yields the pictures and the refusals of each as it is done.

    Raises:
        InputError, OSError: a portion cannot be read or written. Those that are done stay.
        BrokenProcessPool: a process was killed, most likely because memory ran out.
    """
    spawn = multiprocessing.get_context("spawn")  # what is loaded here has threads, which a fork would break
    with ProcessPoolExecutor(min(processes, len(due)), spawn, _Process.load, (job,)) as pool:
        waiting = [pool.submit(_Process.answer, number, portion) for number, portion in due.items()]
        try:
            yield from (done.result() for done in as_completed(waiting))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def follow(counts: Iterable[tuple[int, int]], portions: int) -> tuple[int, int]:
    """Show how far it is; how many pictures have been read, and how many of them refused."""
    total = bad = 0
    is_seen = sys.stderr.isatty()
    with tqdm(total=portions, unit="portion", mininterval=TERMINAL_S if is_seen else LOG_S, ascii=not is_seen) as bar:
        for read, refused in counts:
            total, bad = total + read, bad + refused
            bar.set_postfix_str(f"{total:,} pictures, {bad:,} refused", refresh=False)
            bar.update()
    return total, bad


def run(job: Job, share: tuple[int, int], processes: int, size: int) -> None:
    """Answer all that is not answered yet of a share, and list what was refused once all shares are done."""
    portions, answers = find_portions(job.source, size), AnswerFiles(job.out)
    answers.begin(job.told(portions))
    done, own = answers.done(), set(range(share[0], len(portions), share[1]))
    due = {number: portions[number] for number in sorted(own - done)}
    if own & done:
        print(f"{len(own & done)} of {len(own)} portions are done already", file=sys.stderr)
    if due:
        total, bad = follow(answer_all(job, due, processes), len(due))
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        hours = (spent.ru_utime + spent.ru_stime) / 3600
        print(f"{total} pictures are read into {job.out}, {bad} of them were refused: {hours:.3f} hours of one core")
    missing = len(portions) - len(answers.done())
    if missing:
        print(f"{missing} portions of other shares are not done yet; the last share to end writes {BAD}")
        return
    counts = answers.list_bad()
    print(f"{BAD} lists what was refused: {', '.join(f'{count} {error}' for error, count in sorted(counts.items())) or 'nothing'}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="scoring", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="INPUT", help="a folder, a file, or an address that fsspec knows")
    parser.add_argument("out", metavar="OUT", help="a folder for the answers, or such an address")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="a graph or weights with the card and the eye beside it")
    parser.add_argument("--config", type=Path, default=CONFIG, help="the model-config.yaml with limits and thresholds")
    parser.add_argument("--column", default="image", help="of Parquet files, with the bytes of picture files")
    parser.add_argument("--processes", type=positive, default=str(len(os.sched_getaffinity(0))), help="default: one for each core")
    parser.add_argument("--share", type=share_of, default="0/1", help="I/N: the I-th of N machines, from 0 on")
    parser.add_argument(
        "--portion", type=positive, default=str(PORTION_PICTURES), help="pictures that a kill costs at most, in each process"
    )
    parser.add_argument("--gpu", type=int, help="number of the GPU to run on, where device in the settings allows one")
    flags = parser.parse_args(arguments)
    with ending(parser.prog, InputError, SettingsError, DeviceError, ValueError, BrokenProcessPool):
        job = Job(flags.source, flags.out, flags.column, flags.weights, Settings.read(flags.config), flags.gpu)
        run(job, flags.share, flags.processes, flags.portion)


if __name__ == "__main__":
    main()
