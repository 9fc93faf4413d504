"""Signatures of models: made where the private key is, checked where the model is loaded.

`signatures/<hash of the model's bytes>/<id of the key>.json` in the store is a DSSE envelope; whoever can write to the
store can remove it, but cannot make one. Keys are PEM files of Ed25519 or of an elliptic curve; an id is the SHA-256
of the public key.
"""

import hashlib
from pathlib import Path
from typing import Any

from taxiway.core import signing
from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.training import ModelRef
from taxiway.stores.objects import ObjectStore

_KINDS = "PEM of Ed25519 or of an elliptic curve"
_BEGIN = b"-----BEGIN PUBLIC KEY-----"


class Signers:
    """The public keys of those whose signatures count, from a PEM file that holds one after the other.

    Raises:
        SpecError: the file cannot be read, or holds no key, or one of another kind.
    """

    def __init__(self, file: Path) -> None:
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        try:
            blocks = [_BEGIN + block for block in file.read_bytes().split(_BEGIN)[1:]]
            keys = [_of_a_known_kind(load_pem_public_key(block)) for block in blocks]
        except (OSError, ValueError) as error:
            raise _no_key(file, error) from error
        if not keys:
            raise _no_key(file, "none")
        self._keys = {_id_of(key): key for key in keys}

    def require(self, model: ModelRef, store: ObjectStore) -> None:
        """Passes only for bytes that one of them vouched for, as this model.

        Raises:
            BackendError: the store does not answer.
            IntegrityError: none of them did.
        """
        wrong = ""
        for key_id, key in self._keys.items():
            data = store.read(_path(model, key_id))
            if data is None:
                continue
            try:
                return _prove(model, signing.opened(data, where=store.uri + _path(model, key_id)), key_id, key)
            except IntegrityError as error:
                wrong = str(error)
        raise IntegrityError(
            "nobody whose word counts has signed these bytes",
            where=f"model {model.name!r}, {model.digest}",
            expected=f"a signature by {' or '.join(key_id[:12] for key_id in self._keys)}",
            got=wrong or "none",
            do="Sign it: python -m taxiway.runtime sign --store URI --model NAME --version N --key FILE",
        )


def sign(model: ModelRef, store: ObjectStore, file: Path, password: str | None = None) -> str:
    """Vouches for a model's bytes with a private key; gives the key's id. Doing it again changes nothing.

    Raises:
        SpecError: the file holds no private key of a known kind, or the password is wrong.
    """
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private: Any = load_pem_private_key(file.read_bytes(), password.encode() if password else None)
        key = _of_a_known_kind(private.public_key())
    except (OSError, ValueError, TypeError) as error:
        raise _no_key(file, error) from error
    payload = signing.statement(model.name, model.digest)
    made = private.sign(signing.signed_bytes(signing.PAYLOAD_TYPE, payload), *_how(key))
    store.create(_path(model, _id_of(key)), signing.sealed(payload, _id_of(key), made))
    return _id_of(key)


def _prove(model: ModelRef, envelope: signing.Envelope, key_id: str, key: Any) -> None:
    from cryptography.exceptions import InvalidSignature

    signed = signing.signed_bytes(envelope.payload_type, envelope.payload)
    try:
        key.verify(envelope.signatures.get(key_id, b""), signed, *_how(key))
    except InvalidSignature:
        raise IntegrityError("this signature was not made by its key", where=key_id[:12]) from None
    if (envelope.payload_type, envelope.payload) != (
        signing.PAYLOAD_TYPE,
        signing.statement(model.name, model.digest),
    ):
        raise IntegrityError("this signature is about something else", where=key_id[:12])


def _path(model: ModelRef, key_id: str) -> str:
    return f"signatures/{model.digest.rpartition(':')[2]}/{key_id}.json"


def _id_of(key: Any) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _of_a_known_kind(key: Any) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if not isinstance(key, Ed25519PublicKey | EllipticCurvePublicKey):
        raise ValueError(type(key).__name__)  # noqa: TRY004 - as for any other file that is none
    return key


def _how(key: Any) -> tuple[Any, ...]:
    """What the library must be told besides the bytes."""
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.hashes import SHA256

    return (ECDSA(SHA256()),) if isinstance(key, EllipticCurvePublicKey) else ()


def _no_key(file: Path, got: object) -> SpecError:
    return SpecError("this file holds no key that can be used", where=str(file), expected=_KINDS, got=got)
