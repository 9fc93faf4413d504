import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway.core.errors import IntegrityError
from taxiway.core.signing import PAYLOAD_TYPE, opened, sealed, signed_bytes, statement


def test_what_is_signed_is_what_the_specification_of_the_envelope_says():
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert signed_bytes("http://example.com/HelloWorld", b"hello world") == expected


def test_a_statement_names_the_model_and_its_bytes():
    found = json.loads(statement("flight-delay", "folder-sha256:ab"))
    assert found["subject"] == [{"name": "flight-delay", "digest": {"folder-sha256": "ab"}}]
    assert found["_type"] == "https://in-toto.io/Statement/v1"


@given(st.binary(), st.binary())
def test_an_envelope_gives_back_what_was_put_into_it(payload, signature):
    assert opened(sealed(payload, "key", signature), where="here") == (PAYLOAD_TYPE, payload, {"key": signature})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"7",
        b'{"signatures": 7}',
        b'{"payload": "", "payloadType": "x"}',
        b'{"payload": "!", "payloadType": "x", "signatures": []}',
        b'{"payload": "", "payloadType": "x", "signatures": [{"keyid": "a"}]}',
        b'{"payload": "", "payloadType": "x", "signatures": ["a"]}',
        b'{"payload": null, "payloadType": "x", "signatures": []}',
        '{"payload": "\u00e9", "payloadType": "x", "signatures": []}'.encode(),
    ],
)
def test_anything_else_is_no_envelope(data):
    with pytest.raises(IntegrityError, match="no envelope of a signature"):
        opened(data, where="here")
