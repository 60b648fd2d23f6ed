"""Pack the baseline's archive: `python -m bench.stock.archive --weights digits.pt --archive stock.mar`."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import torch

from digitkit.artifacts.card import CardError, check_card, facts, write_card
from digitkit.readers.digits import net

HERE = Path(__file__).parent
DIGITKIT = Path("handlers/digitkit")


def pack(weights: Path, archive: Path) -> None:
    """Write `archive`, with its card, from the weights that our own archives hold.

    Raises:
        CardError: the weights do not match their card.
        subprocess.CalledProcessError: torch-model-archiver failed.
    """
    card = check_card(weights)
    served = net.read(weights)
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        extra, private = Path(scratch, "extra"), Path(scratch, "tmp")
        shutil.copytree(DIGITKIT, extra / "digitkit", ignore=shutil.ignore_patterns("__pycache__"))
        (extra / "architecture.txt").write_text(served.architecture)
        private.mkdir()
        torch.save(served.state_dict(), Path(scratch, "stock.pt"))
        command: list[str | Path] = [
            *("torch-model-archiver", "--model-name", archive.stem, "--version", card.version, "--force"),
            *("--model-file", HERE / "model.py", "--serialized-file", Path(scratch, "stock.pt")),
            *("--handler", HERE / "handler.py", "--extra-files", extra, "--export-path", archive.parent),
        ]
        environment = os.environ | {"TMPDIR": str(private), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    write_card(archive, **facts(card) | {"packages": card.packages | {"torch-model-archiver": version("torch-model-archiver")}})


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.stock.archive", description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--archive", type=Path, required=True)
    flags = parser.parse_args()
    try:
        pack(flags.weights, flags.archive)
    except subprocess.CalledProcessError as err:
        sys.exit(f"{parser.prog}: torch-model-archiver failed: {err.stderr.strip()}")
    except (CardError, OSError, ValueError) as err:
        sys.exit(f"{parser.prog}: {err}")


if __name__ == "__main__":
    main()
