import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxiway.core.privacy import HIDDEN, LONGEST, hide

SECRETS = [
    "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy",
    "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "Authorization: Bearer abc.def-123",
    "postgresql://ann:s3cr3t@db.example:5432/lake",
    "password=hunter2",
    "{'aws_secret_access_key': 'wJalrXUtnFEMI/K7MDENG'}",
    "https://bucket.example/x?X-Amz-Signature=fe5f80f77d5fa3beca038a248ff027",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
]
PERSONAL = [
    "ann.other+x@mail.example.com",
    "+49 (30) 1234 5678",
    "078-05-1120",
    "DE89 3704 0044 0532 0130 00",
    "4111 1111 1111 1111",
    "5500005555555559",
]
KEPT = {"https", "hooks.slack.com", "Authorization", "Bearer", "postgresql", "db.example", "5432", "lake", "password"}
KEPT |= {"aws_secret_access_key", "bucket.example", "X-Amz-Signature"}
HARMLESS = [
    "roc_auc is 0.71, was 0.80 (1,204,331 rows)",
    "manual__2026-01-03T04:00:00.123456+00:00",
    f"folder-sha256:{'a1' * 32}",
    "4111 1111 1111 1112 is no card",
    "1767225600500 ms since 1970",
    "flights[2013-12-01, 2013-12-31] of 10.2.0.17:5432",
    "tokenizer=fast",
]


@pytest.mark.parametrize("text", [*SECRETS, *PERSONAL])
def test_what_looks_like_a_secret_or_a_person_is_hidden(text):
    said = hide(f"the row was: {text} (row 7)")
    assert said.startswith("the row was: ")
    assert HIDDEN in said
    assert [word for word in re.findall(r"[\w+.-]{4,}", text) if word in said and word not in KEPT] == []


@pytest.mark.parametrize("text", HARMLESS)
def test_numbers_names_and_digests_stay(text):
    assert hide(text) == text


@given(
    st.text(max_size=200) | st.lists(st.sampled_from([*SECRETS, *PERSONAL, HIDDEN, "=", "@", ":", "/"])).map("".join)
)
def test_hiding_twice_is_hiding_once(text):
    assert hide(hide(text)) == hide(text)


def test_a_long_text_is_cut_and_costs_no_long_time():
    assert len(hide("a" * 1_000_000)) == LONGEST
