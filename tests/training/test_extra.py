"""Other sets of digits: read from fabricated files in the published formats, turned into canvases, never downloaded."""

import bz2
import socket
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat
from torchvision.datasets import SVHN

from digitkit.readers.digits.canvas import to_canvas
from training.data import extra
from training.data.mnist import DataError


def write_idx(path: Path, values: NDArray[np.generic]) -> None:
    """The idx format of LeCun's page: two zero bytes, the type, the number of dimensions, their sizes, all big-endian."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {"uint8": 0x08, "int32": 0x0C}[values.dtype.name]
    header = struct.pack(">BBBB", 0, 0, kind, values.ndim) + struct.pack(f">{values.ndim}i", *values.shape)
    path.write_bytes(header + values.astype(values.dtype.newbyteorder(">")).tobytes())


def write_usps(root: Path, pictures: NDArray[np.uint8], labels: list[int]) -> None:
    """libsvm's format: the label from 1 to 10, then index:value from -1 to 1."""
    rows = [
        f"{label + 1} " + " ".join(f"{i}:{value / 127.5 - 1:.4f}" for i, value in enumerate(picture.flatten(), start=1))
        for picture, label in zip(pictures, labels, strict=True)
    ]
    (root / "usps.bz2").write_bytes(bz2.compress("\n".join(rows).encode()))


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a set is never downloaded")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_usps_keeps_its_labels_and_leaves_out_blank_pictures(
    tmp_path: Path, ten_digits: NDArray[np.uint8], capsys: pytest.CaptureFixture[str]
) -> None:
    small = ten_digits[:, 6:22, 6:22]  # 16 x 16
    write_usps(tmp_path, np.concatenate([small, np.zeros((1, 16, 16), dtype=np.uint8)]), [*range(10), 3])
    split = extra.load("usps", tmp_path)
    assert split.labels.tolist() == list(range(10))
    assert split.pictures.shape == (10, 28, 28)
    expected = np.stack([to_canvas(picture) for picture in small])
    assert np.abs(split.pictures.astype(int) - expected).mean() < 2  # the file rounds to four places
    assert capsys.readouterr().out == "added 10 pictures of usps, 1 blank ones left out\n"


def test_emnist_is_turned_upright_and_its_writers_are_named_as_mnists(
    tmp_path: Path, ten_digits: NDArray[np.uint8], capsys: pytest.CaptureFixture[str]
) -> None:
    raw = tmp_path / "EMNIST" / "raw"
    write_idx(raw / "emnist-digits-train-images-idx3-ubyte", ten_digits.transpose(0, 2, 1))
    write_idx(raw / "emnist-digits-train-labels-idx1-ubyte", np.arange(10, dtype=np.uint8))
    split = extra.load("emnist", tmp_path)
    assert np.array_equal(split.pictures, ten_digits)
    assert split.labels.tolist() == list(range(10))
    assert "emnist shares writers with MNIST's test pictures" in capsys.readouterr().out


def test_qmnist_adds_only_what_mnist_left_out(tmp_path: Path, ten_digits: NDArray[np.uint8]) -> None:
    raw, in_mnist = tmp_path / "QMNIST" / "raw", 10_000
    facts = np.zeros((in_mnist + 10, 8), dtype=np.int32)
    facts[in_mnist:, 0] = range(10)
    write_idx(raw / "qmnist-test-images-idx3-ubyte", np.concatenate([np.full((in_mnist, 28, 28), 9, dtype=np.uint8), ten_digits]))
    write_idx(raw / "qmnist-test-labels-idx2-int", facts)
    split = extra.load("qmnist", tmp_path)
    assert np.array_equal(split.pictures, ten_digits)
    assert split.labels.tolist() == list(range(10))


def test_svhn_is_made_grey_and_its_label_10_is_a_0(tmp_path: Path, ten_digits: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = np.pad(ten_digits, ((0, 0), (2, 2), (2, 2)))  # 32 x 32
    colour = np.repeat(pictures[..., None], 3, axis=3).transpose(1, 2, 3, 0)  # (32, 32, 3, N), as published
    savemat(tmp_path / "train_32x32.mat", {"X": colour, "y": np.array([[10, *range(1, 10)]], dtype=np.uint8).T})
    monkeypatch.setattr(SVHN, "_check_integrity", lambda _: True)  # the MD5 of the real file
    split = extra.load("svhn", tmp_path)
    assert split.labels.tolist() == list(range(10))
    assert np.array_equal(split.pictures, np.stack([to_canvas(picture) for picture in pictures]))


@pytest.mark.parametrize("name", extra.SETS)
def test_a_set_that_is_not_there_is_one_sentence_with_the_place_for_it(name: str, tmp_path: Path) -> None:
    place = tmp_path / extra.SETS[name].files[0]
    with pytest.raises(DataError, match=rf"^{name} is not on this machine: {place} is missing; put it there, it is never downloaded$"):
        extra.load(name, tmp_path)


@pytest.mark.parametrize("name", ["usps", "emnist", "qmnist", "svhn"])
def test_a_damaged_set_is_one_sentence(name: str, tmp_path: Path) -> None:
    for file in extra.SETS[name].files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(b"not what its name says")
    with pytest.raises(DataError, match=f"{name} in .* is damaged"):
        extra.load(name, tmp_path)


def test_an_unknown_set_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unknown set 'kmnist'; there are usps, svhn, emnist, qmnist"):
        extra.load("kmnist", tmp_path)
