"""The version that weights are given by a flag."""

import argparse

import pytest

from training.version import add_version_flag, next_minor


def parsed(*words: str) -> str | None:
    parser = argparse.ArgumentParser()
    add_version_flag(parser, "1.0")
    version: str | None = parser.parse_args(words).version
    return version


@pytest.mark.parametrize("version", ["0.0", "1.0", "1.10", "999999.999999"])
def test_two_whole_numbers_with_a_point_between_them_are_a_version(version: str) -> None:
    assert parsed("--version", version) == version


@pytest.mark.parametrize("text", ["1", "1.", ".1", "1.0.0", "v1.0", "1.00", "1,0", "1.0/..", "1.0\n", "", "1000000.0"])
def test_anything_else_is_refused_with_what_is_accepted(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed("--version", text)
    assert ended.value.code == 2
    assert "is no version; it must be two whole numbers with a point between them, as 1.0 or 2.13" in capsys.readouterr().err


def test_no_flag_is_no_version() -> None:
    assert parsed() is None


@pytest.mark.parametrize(("version", "following"), [("1.0", "1.1"), ("1.9", "1.10"), ("2.99", "2.100")])
def test_the_next_minor_version_counts_on(version: str, following: str) -> None:
    assert next_minor(version) == following
