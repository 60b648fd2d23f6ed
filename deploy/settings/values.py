"""Whether TorchServe can use the values of config.properties: some end it, and others it silently replaces by their defaults."""

import difflib
import json
from collections.abc import Callable, Iterable

from deploy.errors import ServerError
from deploy.settings.address import Address, to_address
from deploy.settings.keys import HOST, HTTP, KINDS, OBJECT, Range
from deploy.settings.properties import READ_BY_LAUNCHER


def check_keys(keys: Iterable[str]) -> None:
    """Return if TorchServe knows all keys; raises ServerError, which suggests the key that was probably meant."""
    for key in keys:
        if key not in KINDS:
            near = difflib.get_close_matches(key, KINDS, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise ServerError(f"TorchServe knows no key {key}, and would ignore it{meant}")


def check_value(key: str, value: str) -> None:
    """Return if a value is of the key's kind; raises ServerError, which says what is accepted."""
    kind = KINDS[key]
    if kind == HTTP:
        to_address(key, value).check_host()
    elif kind == HOST:
        Address(key, value, 0).check_host()
    elif isinstance(kind, Range):
        _check_number(key, value, kind)
    elif isinstance(kind, tuple):
        _check_choice(key, value, kind)
    elif kind == OBJECT:
        _check_object(key, value)
    elif key in READ_BY_LAUNCHER and not value.isascii():
        raise ServerError(f"{key} has letters beyond ASCII, which TorchServe's launcher does not read; use relative names without them")


def check_management(addresses: Iterable[Address], is_on: Callable[[str], bool]) -> None:
    """Return if only this machine reaches the management API, or it was opened on purpose and needs tokens; raises ServerError."""
    for address in addresses:
        if not address.is_open:
            continue
        what = f"{address.key} is {address.host}: other machines could change and stop models there"
        if is_on("disable_token_authorization"):
            raise ServerError(f"{what}, without a token (disable_token_authorization=true); accepted is 127.0.0.1")
        if not is_on("allow_open_management"):
            raise ServerError(f"{what}; accepted is 127.0.0.1, or any other with allow_open_management=true")


def _check_number(key: str, value: str, kind: Range) -> None:
    bounds = f"from {kind.lowest:g} up" if kind.highest >= 2**31 - 1 else f"from {kind.lowest:g} to {kind.highest:g}"
    try:
        number = int(value) if kind.whole else float(value)
    except ValueError:
        number = float("nan")
    # Python's numbers may have spaces around them and underscores within, Java's may not.
    if value.strip(" _") != value or "_" in value or not kind.lowest <= number <= kind.highest:
        raise ServerError(f"{key} is {value!r}; accepted is a {'whole ' if kind.whole else ''}number {bounds}")


def _check_choice(key: str, value: str, choices: tuple[str, ...]) -> None:
    if value.lower() not in choices:
        raise ServerError(f"{key} is {value!r}; accepted is {' or '.join(choices)}")


def _check_object(key: str, value: str) -> None:
    try:
        content = json.loads(value)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise ServerError(f"{key} is no JSON object; accepted is one such as {{}}")
