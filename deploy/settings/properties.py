"""Java's .properties files: read as Java reads them, and written so that Java and TorchServe's launcher read the same."""

import re
from collections.abc import Iterator, Mapping

from deploy.errors import ServerError

# A key ends at the first space, `=` or `:` without a backslash before it.
PAIR = re.compile(r"((?:\\.|[^\\=: \t\f])+)[ \t\f]*[=:]?[ \t\f]*(.*)")
ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
ESCAPED = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
# The launcher, a Python script, reads these itself: it knows no escapes and no separator other than `=`.
READ_BY_LAUNCHER = ("vmargs", "plugins_path")


def read_properties(text: str) -> dict[str, str]:
    """The values by their keys, with escapes resolved.

    Raises:
        ServerError: a line is not a property, a key appears twice (Java would take the last), or there are letters beyond ASCII
            (Java reads UTF-8 as Latin-1, which gives other letters).
    """
    values: dict[str, str] = {}
    for line in _logical_lines(text):
        found = PAIR.fullmatch(line)
        if found is None:
            raise ServerError(f"a line without a key: {line!r}; accepted is key=value")
        key, value = (_resolve(part) for part in found.groups())
        if not line.isascii():
            raise ServerError(f"{key} has letters beyond ASCII, which Java reads as others; write each as \\uXXXX, as \\u00f6 for ö")
        if key in values:
            raise ServerError(f"{key} is there twice; TorchServe would silently take the last")
        values[key] = value
    return values


def write_properties(values: Mapping[str, str]) -> str:
    """The text of a file with these values, in ASCII."""
    return "".join(f"{key}={value if key in READ_BY_LAUNCHER else _escape(value)}\n" for key, value in values.items())


def _logical_lines(text: str) -> Iterator[str]:
    """The lines that are neither comments nor blank; a line that ends with a backslash continues on the next."""
    begun = ""
    for natural in re.split(r"\r\n|\n|\r", text):
        line = begun + natural.lstrip(" \t\f")
        if not begun and (not line or line[0] in "#!"):
            continue
        begun = ""
        if (len(line) - len(line.rstrip("\\"))) % 2:  # in an even number of backslashes, every second one is escaped by the one before it
            begun = line[:-1]
        else:
            yield line
    if begun:
        yield begun


def _resolve(text: str) -> str:
    if re.search(r"(?<!\\)(?:\\\\)*\\u(?![0-9a-fA-F]{4})", text):
        raise ServerError(f"{text!r} has \\u without four hexadecimal digits; Java does not read the file then")
    resolved = ESCAPE.sub(lambda found: chr(int(found[1][1:], 16)) if len(found[1]) == 5 else ESCAPED.get(found[1], found[1]), text)
    return resolved.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # two escapes may be one letter together


def _escape(value: str) -> str:
    units = value.encode("utf-16-be", "surrogatepass")
    written = "".join(_escape_unit(int.from_bytes(units[i : i + 2], "big")) for i in range(0, len(units), 2))
    return re.sub("^ ", r"\\ ", written)


def _escape_unit(code: int) -> str:
    if not 32 <= code < 127:
        return f"\\u{code:04x}"
    return "\\\\" if chr(code) == "\\" else chr(code)
