"""Settings from YAML, read strictly: an error names what is unknown, missing, duplicate or out of range."""

import math
import ssl
from collections.abc import Set
from pathlib import Path
from typing import Any, TypeVar

import yaml

Choice = TypeVar("Choice")


class WrongSettings(Exception):
    """A file of settings cannot be read or holds invalid values; the message names the place."""


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a file; raises WrongSettings if there is none, or if a key appears twice."""
    try:
        content = yaml.load(path.read_text(), _UniqueKeys)
    except (OSError, yaml.YAMLError) as err:
        raise WrongSettings(f"{path} cannot be read: {' '.join(str(err).split())}") from err
    if not isinstance(content, dict) or not content:
        raise WrongSettings(f"{path} is no mapping of names to values")
    return {str(name): value for name, value in content.items()}


def to_section(where: str, content: Any, *, required: Set[str], optional: Set[str] = frozenset()) -> dict[str, Any]:
    """`content`, if it is a mapping with every required key and no unknown one; raises WrongSettings otherwise."""
    accepted = ", ".join([*sorted(required), *(f"{name} (optional)" for name in sorted(optional))])
    if not isinstance(content, dict):
        raise WrongSettings(f"{where} is no section; it must hold {accepted}")
    names = set(map(str, content))
    for problem, found in (("unknown", names - required - optional), ("missing", required - names)):
        if found:
            raise WrongSettings(f"{where}: {problem} {', '.join(sorted(found))}; it must hold {accepted}")
    return content


def to_number(where: str, value: Any, *, lowest: float = 0, highest: float = math.inf) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or not lowest <= value <= highest:
        bounds = f"from {lowest:g} up" if highest == math.inf else f"from {lowest:g} to {highest:g}"
        raise WrongSettings(f"{where} is {value!r}; it must be a number {bounds}")
    return float(value)


def read_certificates(path: str) -> str:
    """The certificates in a PEM file, or "" if no file is named; raises WrongSettings if the file holds none."""
    if not path:
        return ""
    try:
        text = Path(path).read_text(encoding="ascii", errors="replace")
        ssl.create_default_context(cadata=text)
    except (OSError, ValueError) as err:  # ssl.SSLError is an OSError
        raise WrongSettings(f"{path} holds no certificate that can be read; DIGITS_CA takes a file in PEM form") from err
    return text


def to_choice(where: str, value: Any, known: tuple[Choice, ...]) -> Choice:
    for choice in known:
        if value == choice and type(value) is type(choice):
            return choice
    raise WrongSettings(f"{where} is {value!r}; known are {', '.join(map(str, known))}")


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that appears twice: YAML would silently keep the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise yaml.YAMLError(f"{twice[0]} is there twice")
        return super().construct_mapping(node, deep)
