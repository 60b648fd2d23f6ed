"""The model store keeps the version before, and knows which version a start makes the default."""

import re
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT
from test_card import FACTS

from digitkit.artifacts import place
from digitkit.artifacts.card import CardError, card_path, check_card, write_card
from digitkit.artifacts.store import default_archive, load_order, publish, set_default


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Where an archive is published, in a store without one."""
    return tmp_path / "store" / "digits.mar"


def export(archive: Path, version: str, content: str = "") -> None:
    """Publish an archive of this version, as an export does."""
    staged = archive.parent.with_name("staged") / archive.name
    staged.parent.mkdir(exist_ok=True)
    staged.write_text(content or f"{archive.stem} {version}")
    write_card(staged, **FACTS | {"version": version})
    publish(staged, archive)


def served(archive: Path) -> list[tuple[str, str]]:
    """File and version of each archive in the order of a start; each is what its card says."""
    return [(path.name, check_card(path).version) for path in load_order(archive.parent)]


def names(archive: Path) -> set[str]:
    return {path.name for path in archive.parent.iterdir()}


def test_a_newer_version_is_the_default_and_the_one_before_stays_beside_it(archive: Path) -> None:
    export(archive, "1.0")
    export(archive, "1.1")
    assert served(archive) == [("digits.mar", "1.1"), ("digits-1.0.mar", "1.0")]
    assert archive.with_name("digits-1.0.mar").read_text() == "digits 1.0"
    assert names(archive) == {"digits.mar", "digits.mar.json", "digits-1.0.mar", "digits-1.0.mar.json"}


def test_the_same_version_is_replaced_in_its_place(archive: Path) -> None:
    export(archive, "1.0")
    export(archive, "1.1", "a first try")
    export(archive, "1.1", "a second try")
    assert served(archive) == [("digits.mar", "1.1"), ("digits-1.0.mar", "1.0")]
    assert archive.read_text() == "a second try"


def test_one_former_version_is_kept_and_an_older_one_may_follow_a_newer(archive: Path) -> None:
    for version in ("1.9", "1.10", "2.0", "1.10"):
        export(archive, version)
    assert served(archive) == [("digits.mar", "1.10"), ("digits-2.0.mar", "2.0")]
    assert len(names(archive)) == 4


def test_models_keep_their_versions_apart(archive: Path) -> None:
    other = archive.with_name("digits_onnx.mar")
    for version in ("1.0", "1.1"):
        export(archive, version)
        export(other, version)
    set_default(other, "1.0")
    assert served(archive) == [("digits.mar", "1.1"), ("digits_onnx-1.0.mar", "1.0"), ("digits-1.0.mar", "1.0"), ("digits_onnx.mar", "1.1")]


def test_a_rollback_is_kept_by_the_next_start_and_by_an_export_of_the_same_version(archive: Path) -> None:
    export(archive, "1.0")
    export(archive, "1.1")
    set_default(archive, "1.0")
    assert archive.with_name("digits.rollback").read_text() == "1.0 in place of 1.1\n"
    export(archive, "1.1", "mended, as they say")
    assert served(archive) == [("digits-1.0.mar", "1.0"), ("digits.mar", "1.1")]
    set_default(archive, "1.1")
    assert served(archive) == [("digits.mar", "1.1"), ("digits-1.0.mar", "1.0")]


def test_after_a_rollback_the_next_version_is_the_default_and_the_one_that_was_good_stays(archive: Path) -> None:
    export(archive, "1.0")
    export(archive, "1.1")
    set_default(archive, "1.0")
    export(archive, "1.2")
    assert served(archive) == [("digits.mar", "1.2"), ("digits-1.0.mar", "1.0")]


def test_the_version_that_was_gone_back_to_can_be_exported_again(archive: Path) -> None:
    export(archive, "1.0")
    export(archive, "1.1")
    set_default(archive, "1.0")
    export(archive, "1.0", "from the old weights")
    assert served(archive) == [("digits.mar", "1.0"), ("digits-1.1.mar", "1.1")]
    assert archive.read_text() == "from the old weights"


def test_a_version_that_the_store_does_not_hold_cannot_be_its_default(archive: Path) -> None:
    export(archive, "1.0")
    with pytest.raises(ValueError, match=r"holds no version 1\.1 of digits"):
        set_default(archive, "1.1")
    assert default_archive(archive) == archive


@pytest.mark.parametrize("step", range(6))
def test_a_disk_that_fills_up_in_an_export_leaves_the_version_that_was_served(
    step: int, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(archive, "1.0")
    copy, calls = place.shutil.copyfile, iter(range(100))

    def copyfile(source: Path, target: Path) -> None:
        if next(calls) == step:
            raise OSError(28, "No space left on device")
        copy(source, target)

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space left"):
        patched.setattr(place.shutil, "copyfile", copyfile)
        export(archive, "1.1")
        export(archive, "1.2")
    assert served(archive)[0][1] in ("1.0", "1.1")
    export(archive, "1.3")
    assert served(archive)[0] == ("digits.mar", "1.3")


def test_a_copy_that_a_killed_export_left_is_not_loaded_beside_the_same_version(archive: Path) -> None:
    export(archive, "1.0")
    place.place(archive, archive.with_name("digits-1.0.mar"))  # the step before the one that was cut off
    assert served(archive) == [("digits.mar", "1.0")]


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "en_US.UTF-8"])
def test_the_plain_command_of_the_readme_names_the_newest_version_of_each_model_first(locale: str, archive: Path) -> None:
    for name in ("digits", "digits_onnx", "digits_onnx_int8"):
        for version in ("1.9", "1.10"):
            export(archive.with_name(f"{name}.mar"), version)
    archive.parent.rename(archive.parent.with_name("model_store"))
    (listing,) = re.findall(r"--models \$\((.*?)\)", (ROOT / "README.md").read_text())
    command = ["bash", "-c", f"LC_ALL={locale}; {listing}"]
    listed = subprocess.run(command, cwd=archive.parent.parent, capture_output=True, text=True, check=True).stdout.split()
    assert len(listed) == 6
    assert [name for name in listed if "-" not in name] == listed[::2]


def test_a_damaged_archive_is_replaced_and_not_kept(archive: Path) -> None:
    export(archive, "1.0")
    archive.write_text("damaged")
    export(archive, "1.1")
    assert served(archive) == [("digits.mar", "1.1")]
    card_path(archive).unlink()
    with pytest.raises(CardError, match="has no card"):
        load_order(archive.parent)
