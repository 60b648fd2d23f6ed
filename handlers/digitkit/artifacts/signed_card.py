"""Signed cards: who holds the public key knows that an artifact, by the hash in its card, is the one that was exported."""

import base64
import binascii
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from digitkit.artifacts.card import Card, CardError, check_card
from digitkit.artifacts.seal import is_signed_by

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def signed_text(card: Card) -> bytes:
    """What is signed of a card: all of it but the signature, as JSON with its keys in order."""
    return json.dumps(asdict(card) | {"signature": ""}, sort_keys=True).encode()


def check_signed(artifact: Path, key: "Ed25519PublicKey") -> Card:
    """The card beside an artifact, after the artifact's hash and the card's signature have been checked; raises CardError."""
    card = check_card(artifact)
    if not card.signature:
        raise CardError(f"{artifact} is not signed: its card holds no signature")
    try:
        signature = base64.b64decode(card.signature, validate=True)
    except binascii.Error as err:
        raise CardError(f"{artifact} is not signed: what its card holds as the signature is no base64") from err
    if not is_signed_by(key, signature, signed_text(card)):
        raise CardError(f"{artifact} is not signed by the key that is asked for: its card was changed, or another key signed it")
    return card
