"""Sealed documents: the files of the licence's life (RIF, licence, receipt), signed and marked as simulated.

A sealed document is a JSON file with a kind, a body and an Ed25519 signature (RFC 8032) over the canonical form of both
(RFC 8785). Whoever changes a byte of the body breaks the seal. The keys of the tool and of the issuer are made from
texts that stand in this source, so anybody can seal anything: it is a test tool, and nothing real trusts these keys.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from reference_server.protocol import FORMAT

__all__ = ["ISSUER_KEY", "TOOL_KEY", "SealError", "Sealer", "new_key", "opened", "sealed"]

NOTICE = "Simulated by fdl-harness. It can never authorize a real product."
_LIMIT_BYTES = 1 << 20


class Sealer:
    """A pair of keys. ``private`` and ``public`` are their raw bytes in hexadecimal."""

    def __init__(self, private: str) -> None:
        self.private = private
        self._key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private))
        self.public = self._key.public_key().public_bytes_raw().hex()

    def signature_of(self, data: bytes) -> str:
        """Return the signature of ``data``."""
        return "ed25519:" + base64.b64encode(self._key.sign(data)).decode()


def new_key() -> Sealer:
    """Return a pair of keys that nobody else has."""
    return Sealer(Ed25519PrivateKey.generate().private_bytes_raw().hex())


def _simulated(name: str) -> Sealer:
    return Sealer(hashlib.sha256(f"fdl-harness simulated {name}".encode()).hexdigest())


#: Seals licences (R004). The server program trusts its public half.
ISSUER_KEY = _simulated("issuer")
#: Seals machine information (R042), so that the issuer notices a file that was edited.
TOOL_KEY = _simulated("machine tool")


class SealError(ValueError):
    """A file that is no sealed document of the expected kind, or whose seal is broken."""


def _signed_bytes(kind: str, body: Any) -> bytes:
    return rfc8785.dumps({"body": body, "format": FORMAT, "kind": kind})


def sealed(kind: str, body: dict[str, Any], key: Sealer) -> bytes:
    """Return the sealed document of ``kind`` with ``body``, as the bytes of a file."""
    signature = key.signature_of(_signed_bytes(kind, body))
    document = {"format": FORMAT, "notice": NOTICE, "kind": kind, "body": body, "signature": signature}
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def opened(data: bytes, kind: str, public: str) -> dict[str, Any]:
    """Return the body of a sealed document.

    :raises SealError: if it is not one of ``kind``, or the seal is not that of the key ``public``.
    """
    document = unverified(data, kind)
    signature = document.get("signature")
    try:
        if not isinstance(signature, str) or not signature.startswith("ed25519:"):
            raise SealError("it carries no signature")
        raw = base64.b64decode(signature.removeprefix("ed25519:"), validate=True)
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(raw, _signed_bytes(kind, document["body"]))
    except (InvalidSignature, rfc8785.CanonicalizationError, ValueError):
        raise SealError("its signature does not fit its content") from None
    body: dict[str, Any] = document["body"]
    return body


def unverified(data: bytes, kind: str) -> dict[str, Any]:
    """Return a sealed document without looking at its seal.

    :raises SealError: if it is no such document.
    """
    if len(data) > _LIMIT_BYTES:
        raise SealError(f"it is larger than {_LIMIT_BYTES} bytes")
    try:
        document = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise SealError("it is not a JSON document") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT or document.get("kind") != kind:
        raise SealError(f"it is not a simulated {kind} document")
    if not isinstance(document.get("body"), dict):
        raise SealError("it has no body")
    return document
