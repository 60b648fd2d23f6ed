"""Signing what is exported, where there is a key: `python -m export.signing` makes a pair, as `make keys` does."""

import argparse
import base64
import json
import os
import sys
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key

from digitkit.artifacts.card import card_path, check_card
from digitkit.artifacts.seal import SIGNATURE, SUMS, sha256, write_sums
from digitkit.artifacts.signed_card import signed_text
from export.errors import ExportError

KEYS = Path(__file__).resolve().parent.parent / "keys"
PRIVATE, PUBLIC = "signing.key", "signing.pub"
VARIABLE = "DIGITS_SIGNING_KEY"  # names another file than keys/signing.key
OWN_FILE, OWN_FOLDER = 0o600, 0o700


def make_keys(folder: Path) -> None:
    """Write a pair of keys as PEM files, the private one for its owner alone; raises ExportError if there is one already."""
    folder.mkdir(mode=OWN_FOLDER, parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    try:
        file = os.open(folder / PRIVATE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWN_FILE)
    except FileExistsError as err:
        told = "what it signed would have to be signed anew; move it away to make another"
        raise ExportError(f"there is a key already, {folder / PRIVATE}: {told}") from err
    with os.fdopen(file, "wb") as written:
        written.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / PUBLIC).write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def find_key() -> Ed25519PrivateKey | None:
    """The key to sign with: of the file that the variable names, or of keys/; None if there is neither.

    Raises:
        ExportError: the file that is named is missing, or a file holds no Ed25519 key.
    """
    named = os.environ.get(VARIABLE, "")
    path = Path(named) if named else KEYS / PRIVATE
    if not named and not path.exists():
        return None
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as err:
        raise ExportError(f"{path} cannot be read as a private key without a password: {err}") from err
    if not isinstance(key, Ed25519PrivateKey):
        raise ExportError(f"{path} holds a private key of another kind than Ed25519")
    return key


def seal(archive: Path, key: Ed25519PrivateKey) -> None:
    """Add to an archive the sums of its files and their signature, by which a worker knows it; its card has to be written afterwards."""
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as packed:
        names = [name for name in packed.namelist() if not name.endswith("/")]
        sums = write_sums({name: sha256(packed.read(name)) for name in names})
        packed.writestr(SUMS, sums)
        packed.writestr(SIGNATURE, key.sign(sums))


def sign_card(artifact: Path, key: Ed25519PrivateKey) -> None:
    """Put a signature into the card of a finished artifact."""
    card = check_card(artifact)
    signature = base64.b64encode(key.sign(signed_text(card))).decode()
    card_path(artifact).write_text(json.dumps(asdict(replace(card, signature=signature)), indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="export.signing", description=__doc__)
    parser.add_argument("--folder", type=Path, default=KEYS, help="where the keys are written")
    flags = parser.parse_args()
    try:
        make_keys(flags.folder)
    except (ExportError, OSError) as err:
        sys.exit(f"{parser.prog}: {err}")
    print(f"{flags.folder / PRIVATE} signs what is exported from now on: keep it secret; servers need {flags.folder / PUBLIC} alone")


if __name__ == "__main__":
    main()
