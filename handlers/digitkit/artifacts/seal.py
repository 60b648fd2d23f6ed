"""The seal of an archive: the SHA-256 of every file in it, and an Ed25519 signature of these, so that a changed file is noticed.

Both are in the form that other tools read: `sha256sum -c` checks the first, `openssl pkeyutl -verify` the second. A worker checks its own
archive by this file before it imports anything else of it, so it needs only Python's library, and cryptography where there is a key.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PUBLIC_KEY: Final = "DIGITS_PUBLIC_KEY"  # the variable that names the file of the key by which archives must be signed
SUMS: Final = "MAR-INF/SHA256SUMS"
SIGNATURE: Final = "MAR-INF/SHA256SUMS.sig"
LINK: Final = "a link"  # in the place of a file's hash
COMPILED: Final = "__pycache__/sitecustomize."  # Python writes the start-up hook's bytecode before the hook can forbid it to


class SealError(Exception):
    """An archive that is not as it was signed, or a key that cannot be used."""


def read_public_key(path: Path) -> "Ed25519PublicKey":
    """The Ed25519 key in a PEM file; raises SealError."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError as err:
        raise SealError("signatures are asked for, and the package cryptography, which checks them, is missing") from err
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as err:
        raise SealError(f"{path} cannot be read as a public key: {err}") from err
    if not isinstance(key, Ed25519PublicKey):
        raise SealError(f"{path} holds a public key of another kind than Ed25519")
    return key


def is_signed_by(key: "Ed25519PublicKey", signature: bytes, content: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def write_sums(digests: Mapping[str, str]) -> bytes:
    """The lines of `sha256sum` for files by name, sorted."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())).encode()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def check_folder(folder: Path, public_key: Path) -> None:
    """Return if an unpacked archive is as it was signed: every file of it, and no other. A link counts as a file that nobody signed.

    Raises:
        SealError: it is not, or the key cannot be used.
    """
    key = read_public_key(public_key)
    digests = {name: digest for name, digest in _digests(folder).items() if not name.startswith(COMPILED)}
    for name in (SUMS, SIGNATURE):
        if digests.pop(name, LINK) == LINK:
            raise SealError(f"the archive is not signed: it holds no {name}")
    sums = (folder / SUMS).read_bytes()
    if not is_signed_by(key, (folder / SIGNATURE).read_bytes(), sums):
        raise SealError(f"the archive is not signed by the key in {public_key}: its {SUMS} was changed, or another key signed it")
    signed = {name: digest for digest, _, name in (line.partition("  ") for line in sums.decode().splitlines())}
    for name in sorted(signed.keys() | digests.keys()):
        if name not in digests:
            raise SealError(f"the archive lacks {name}, which was signed with it")
        if name not in signed:
            raise SealError(f"the archive holds {name}, which was added after it was signed")
        if digests[name] != signed[name]:
            raise SealError(f"the archive holds another {name} than was signed")


def _digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file under a folder by its name from there, and LINK for each link, which is not followed."""
    found = (Path(parent, name) for parent, folders, files in os.walk(folder) for name in [*folders, *files])
    return {
        path.relative_to(folder).as_posix(): LINK if path.is_symlink() else sha256(path.read_bytes())
        for path in found
        if path.is_symlink() or path.is_file()
    }
