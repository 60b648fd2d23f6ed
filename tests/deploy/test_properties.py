"""Java's .properties files: the examples of java.util.Properties' own documentation, and what its two readers disagree about."""

import pytest

from deploy.errors import ServerError
from deploy.settings.properties import read_properties, write_properties


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Truth = Beauty\n", {"Truth": "Beauty"}),
        (" Truth:Beauty", {"Truth": "Beauty"}),
        ("Truth                    :Beauty", {"Truth": "Beauty"}),
        ("fruits     apple, banana, pear, \\\n    cantaloupe, \\\n   kiwi\n", {"fruits": "apple, banana, pear, cantaloupe, kiwi"}),
        ("cheeses\n", {"cheeses": ""}),
        ("\\:\\=", {":=": ""}),
        ("# a comment \\\n! another\n\n  \t\na=b", {"a": "b"}),
        ("path=c:\\\\x\\ty", {"path": "c:\\x\ty"}),
        ("a=1 # no comment ", {"a": "1 # no comment "}),
        ("name=d\\u00f6ner\r\nlast=\\\\\rnext=2", {"name": "döner", "last": "\\", "next": "2"}),
        ("url=http://127.0.0.1:8080", {"url": "http://127.0.0.1:8080"}),
        ("", {}),
    ],
)
def test_properties_are_read_as_java_does(text: str, values: dict[str, str]) -> None:
    assert read_properties(text) == values


def test_what_is_written_is_ascii_and_read_again_as_it_was() -> None:
    values = {"model_store": "/döner kebab/\\x", "key": " begins with a space", "models": '{"a": "😀"}', "lines": "one\ntwo"}
    written = write_properties(values)
    assert written.isascii()
    assert len(written.splitlines()) == len(values)
    assert read_properties(written) == values


def test_what_the_launcher_reads_is_written_as_it_reads_it_without_escapes() -> None:
    assert write_properties({"vmargs": r"-Dx=a\b"}) == "vmargs=-Dx=a\\b\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a=1\nb=2\na : 3", "a is there twice"),
        ("name=döner".encode().decode("latin-1"), r"name has letters beyond ASCII.*write each as \\uXXXX"),
        ("name=\\u12", "without four hexadecimal digits"),
        ("=8080", "a line without a key: '=8080'"),
    ],
)
def test_what_java_would_read_as_something_else_is_refused(text: str, message: str) -> None:
    with pytest.raises(ServerError, match=message):
        read_properties(text)
