"""Who vouched for a model's bytes, and who only says so."""

import functools
import subprocess

import pytest

import samples
from runtime.keys import key_pair
from taxiway.core import signing
from taxiway.core.errors import IntegrityError, SpecError
from taxiway.runtime.__main__ import main
from taxiway.runtime.signing import Signers, sign
from taxiway.stores.objects import open_store
from taxiway.stores.registry import Registry

MODEL = samples.model_ref()


@pytest.fixture
def store(tmp_path):
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture
def pair(tmp_path):
    return functools.partial(key_pair, tmp_path)


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
def test_bytes_that_were_signed_pass_and_no_others(store, pair, kind):
    private, public = pair(kind)
    signers = Signers(public)
    with pytest.raises(IntegrityError, match=r"nobody whose word counts.*Got none"):
        signers.require(MODEL, store)
    assert sign(MODEL, store, private) == sign(MODEL, store, private)
    signers.require(MODEL, store)
    for other in (
        {"digest": samples.model_ref(digest=f"folder-sha256:{samples.hexes('7')}").digest},
        {"name": "hotel"},
    ):
        with pytest.raises(IntegrityError, match="nobody whose word counts"):
            signers.require(MODEL.model_copy(update=other), store)


def test_one_of_several_signers_is_enough_and_a_stranger_is_not(store, pair, tmp_path):
    (_, first), (private, second), (stranger, _) = (pair(name=name) for name in ("first", "second", "stranger"))
    both = tmp_path / "both.pub"
    both.write_bytes(first.read_bytes() + b"# the second one\n" + second.read_bytes())
    sign(MODEL, store, stranger)
    with pytest.raises(IntegrityError, match="nobody whose word counts"):
        Signers(both).require(MODEL, store)
    sign(MODEL, store, private)
    Signers(both).require(MODEL, store)


def forgeries(whole: bytes):
    """What somebody who can write to the store, and has no key, may put there."""
    envelope = signing.opened(whole, where="")
    (key,) = envelope.signatures
    about_another = signing.statement("hotel", MODEL.digest)
    return [
        b"{}",
        signing.sealed(envelope.payload, key, b"x" * 64),
        signing.sealed(envelope.payload, "other", envelope.signatures[key]),
        signing.sealed(about_another, key, envelope.signatures[key]),
        whole.replace(b"application/vnd.in-toto+json", b"application/json"),
    ]


@pytest.mark.parametrize("number", range(5))
def test_an_envelope_that_was_forged_proves_nothing(store, pair, number):
    private, public = pair()
    key = sign(MODEL, store, private)
    path = f"signatures/{MODEL.digest.rpartition(':')[2]}/{key}.json"
    store.replace(path, forgeries(store.get(path))[number])
    with pytest.raises(IntegrityError, match="nobody whose word counts"):
        Signers(public).require(MODEL, store)


def test_a_signature_for_one_model_is_not_one_for_another(store, pair):
    private, public = pair()
    hotel = MODEL.model_copy(update={"name": "hotel"})
    sign(hotel, store, private)
    with pytest.raises(IntegrityError, match="about something else"):
        Signers(public).require(MODEL, store)


def test_the_program_of_others_agrees(store, pair, tmp_path):
    private, public = pair("p256")
    key = sign(MODEL, store, private)
    envelope = signing.opened(store.get(f"signatures/{MODEL.digest.rpartition(':')[2]}/{key}.json"), where="")
    (tmp_path / "sig").write_bytes(envelope.signatures[key])
    (tmp_path / "signed").write_bytes(signing.signed_bytes(envelope.payload_type, envelope.payload))
    words = ["openssl", "dgst", "-sha256", "-verify", public, "-signature", tmp_path / "sig", tmp_path / "signed"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    assert (done.returncode, done.stdout) == (0, "Verified OK\n"), done.stderr


def test_files_without_a_key_that_can_be_used_are_refused(store, pair, tmp_path):
    (tmp_path / "nothing").write_text("nothing")
    private, public = pair("rsa")
    locked, _ = pair(name="locked", password=b"sesame")
    for file in (public, private, tmp_path / "nothing", tmp_path / "missing"):
        with pytest.raises(SpecError, match="no key that can be used"):
            Signers(file)
    for file in (private, public, locked, tmp_path / "nothing", tmp_path / "missing"):
        with pytest.raises(SpecError, match="no key that can be used"):
            sign(MODEL, store, file)
    with pytest.raises(SpecError, match="no key that can be used"):
        sign(MODEL, store, locked, "open")
    assert sign(MODEL, store, locked, "sesame")


def test_a_version_is_signed_by_its_number(store, pair, capsys, monkeypatch):
    private, public = pair(password=b"sesame")
    verdicts = [samples.verdict(MODEL)]
    entered = {"run": "run-1", "verdicts": verdicts, "metrics": {}, "report": None, "by": samples.author()}
    version = Registry(store).register(MODEL, **entered)
    words = ["sign", "--store", store.uri, "--model", MODEL.name, "--key", str(private), "--version"]
    monkeypatch.setenv("TAXIWAY_KEY_PASSWORD", "sesame")
    assert main([*words, str(version.number)]) == 0
    assert capsys.readouterr().out.startswith(f"{MODEL.digest} is signed by ")
    Signers(public).require(MODEL, store)
    assert main([*words, "7"]) == 1
    assert "version" in capsys.readouterr().err
