"""Signatures: what is signed when somebody vouches for a model's bytes, and the envelope that carries it.

The statement is in-toto's, the envelope is DSSE's (github.com/secure-systems-lab/dsse), so other tools can read both.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from taxiway.core.errors import IntegrityError
from taxiway.core.names import canonical

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "urn:taxiway:model:v1"


class Envelope(NamedTuple):
    """What an envelope holds.

    Attributes:
        payload_type: of what was signed.
        payload: what was signed, once `signed_bytes` has put it together with its type.
        signatures: by the id of the key that made them.
    """

    payload_type: str
    payload: bytes
    signatures: Mapping[str, bytes]


def statement(model: str, digest: str) -> bytes:
    """That these bytes are this model's, as canonical JSON."""
    algorithm, _, value = digest.partition(":")
    subject = [{"name": model, "digest": {algorithm: value}}]
    return canonical({"_type": _STATEMENT, "subject": subject, "predicateType": _PREDICATE, "predicate": {}})


def signed_bytes(payload_type: str, payload: bytes) -> bytes:
    """What a key signs: no payload can be taken for one of another type."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sealed(payload: bytes, key_id: str, signature: bytes) -> bytes:
    """An envelope with one signature, as canonical JSON."""
    one = {"keyid": key_id, "sig": base64.b64encode(signature).decode()}
    return canonical({"payload": base64.b64encode(payload).decode(), "payloadType": PAYLOAD_TYPE, "signatures": [one]})


def opened(data: bytes, *, where: str) -> Envelope:
    """What an envelope holds; nothing is proved by that.

    Raises:
        IntegrityError: it is no envelope.
    """
    try:
        found: Any = json.loads(data)
        signatures = {str(one["keyid"]): _decoded(one["sig"]) for one in found["signatures"]}
        return Envelope(str(found["payloadType"]), _decoded(found["payload"]), signatures)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise IntegrityError(
            "this is no envelope of a signature", where=where, expected="DSSE, as JSON", got=str(error)
        ) from error


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
