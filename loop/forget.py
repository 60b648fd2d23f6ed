"""Delete kept pictures and all that is known of them: `python -m loop.forget --store FOLDER --hash HASH`, or --file, or a time range."""

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from digitkit.collect.sample import to_sample
from digitkit.collect.sample_store import SampleStore, StoreError
from digitkit.errors import DigitError
from digitkit.pictures.codec import decode_picture
from digitkit.settings import Settings, SettingsError
from loop.place_flags import CONFIG, add_place_flags, open_existing, place_of
from testbed.command import ending

HASH = re.compile("[0-9a-f]{64}")


def to_hash(text: str) -> str:
    """The sha256 of a kept picture, as a flag; raises argparse's own error."""
    if not HASH.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no sha256 in 64 hexadecimal digits")
    return text


def to_time(text: str) -> float:
    """Seconds since 1970 of a time in ISO 8601, in UTC where it names no zone; raises argparse's own error."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as err:
        raise argparse.ArgumentTypeError(f"{text!r} is no time as 2026-01-31 or 2026-01-31T12:00+01:00") from err
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def hash_of_file(path: Path, settings: Settings) -> str:
    """The hash under which the picture in a file would be kept.

    Raises:
        StoreError: the server reads no picture in it.
    """
    try:
        picture = decode_picture(path.read_bytes(), settings.limits)
    except DigitError as err:
        raise StoreError(f"{path} holds no picture that the server reads: {err}") from err
    if settings.collect is None:
        raise StoreError("the section collect is missing in model-config.yaml, which says how large a picture is kept")
    return to_sample(picture, settings.collect.side_pixels, task="", reason="").sha256


def forget(store: SampleStore, hashes: Sequence[str], since: float | None, until: float | None) -> int:
    """Delete pictures by their hashes, or all of a time; how many there were."""
    count = store.forget(hashes) if hashes else 0
    if since is not None or until is not None:
        count += store.forget_between(since or 0.0, datetime.now(UTC).timestamp() if until is None else until)
    store.sweep()
    return count


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="loop.forget", description=__doc__)
    add_place_flags(parser)
    parser.add_argument("--hash", type=to_hash, nargs="*", default=[], help="of each picture, its sha256")
    parser.add_argument("--file", type=Path, nargs="*", default=[], help="the pictures themselves, as they were sent")
    parser.add_argument("--since", type=to_time, help="all that was kept or asked from this time on, as 2026-01-31T12:00; UTC")
    parser.add_argument("--until", type=to_time, help="all up to this time; alone, all from the beginning on")
    parser.add_argument("--config", type=Path, default=CONFIG, help="the model-config.yaml of the server, for --file")
    flags = parser.parse_args(arguments)
    if not flags.hash and not flags.file and flags.since is None and flags.until is None:
        parser.error("name what to delete: --hash, --file, --since or --until")
    with ending(parser.prog, StoreError, SettingsError):
        settings = Settings.read(flags.config) if flags.file else None
        hashes = [*flags.hash, *(hash_of_file(path, settings) for path in flags.file if settings)]
        count = forget(open_existing(place_of(flags)), hashes, flags.since, flags.until)
    print(f"{count} {'picture is' if count == 1 else 'pictures are'} deleted, with all that was known of {'it' if count == 1 else 'them'}")
    sys.exit(0 if count else 3)


if __name__ == "__main__":
    main()
