import pytest

from taxiway.core.errors import SpecError
from taxiway.core.names import canonical, check_entry_point, check_name, digest_of, nearest, sha256, unknown

HOSTILE = [
    "",
    ".",
    "..",
    "../up",
    "a/b",
    "a\\b",
    "a b",
    " a",
    "a\n",
    "a\x00b",
    "-rf",
    "_a",
    "é",
    "模型",
    "a\u202eb",
    "<b>bold</b>",
    "<!channel>",
    "*bold*",
    "{{ ds }}",
    "a" * 101,
    "a" * 300,
    "%2e%2e",
    "a:b",
    "a'b",
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_name_that_could_leave_its_place_is_refused(name):
    with pytest.raises(SpecError, match="usable as a path") as caught:
        check_name(name)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("name", ["a", "flight-delay", "Fraud_2.1", "0", "a" * 100, "a.."])
def test_a_plain_name_is_given_back(name):
    assert check_name(name) == name


@pytest.mark.parametrize("path", ["a:b", "pkg.mod:Class.method", "_x.y1:z_"])
def test_something_importable_is_given_back(path):
    assert check_entry_point(path) == path


@pytest.mark.parametrize(
    "path", ["", "a", "a:", ":b", "a.b", "a..b:c", "a:b:c", "a b:c", "1a:b", "a:b()", "os:system;x"]
)
def test_what_names_nothing_importable_is_refused(path):
    with pytest.raises(SpecError, match=r"package\.module:name"):
        check_entry_point(path)


def test_the_nearest_word_is_offered_and_nothing_when_none_is_near():
    assert nearest("carier", ["carrier", "origin"]) == "Did you mean 'carrier'?"
    assert nearest("zzz", ["carrier", "origin"]) == ""


def test_an_unknown_word_lists_the_known_ones():
    error = unknown("column", "carier", ["origin", "carrier"], where="dataset 'flights'")
    assert str(error) == (
        "dataset 'flights': column 'carier' is not known. Expected one of carrier, origin. Did you mean 'carrier'?"
    )


def test_an_unknown_word_among_none_says_that_there_are_none():
    assert "there are none. Check the spelling." in str(unknown("flavour", "x", []))


def test_equal_data_has_one_text():
    assert canonical({"b": [1, 2.5], "a": "é"}) == '{"a":"é","b":[1,2.5]}'.encode()
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})


def test_a_digest_says_its_algorithm():
    assert sha256(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
