import hashlib
import io
import json
import zipfile

from taxiway.core.registry import ModelVersion
from ui import shelves


def pack(ask) -> zipfile.ZipFile:
    answer = ask("/models/flight-delay/versions/1/evidence.zip")
    assert answer.headers["content-type"] == "application/zip"
    assert 'filename="flight-delay-version-1-evidence.zip"' in answer.headers["content-disposition"]
    return zipfile.ZipFile(io.BytesIO(answer.content))


def test_everything_is_in_it_and_can_be_checked_and_read_without_us(ask, store):
    shelves.train(store)
    shelves.register(store)
    shelves.validate(store)
    with pack(ask) as made:
        names = {name.partition("/")[2] for name in made.namelist()}
        assert {"index.html", "SHA256SUMS", "records/version.json", "records/evaluation-report.json"} <= names
        assert {"records/training-run.json", "records/commits.json", "records/data-rulings.json"} <= names
        sums = made.read("flight-delay-version-1/SHA256SUMS").decode().splitlines()
        for line in sums:
            digest, path = line.split("  ")
            assert hashlib.sha256(made.read(f"flight-delay-version-1/{path}")).hexdigest() == digest
        assert {line.split("  ")[1] for line in sums} == names - {"SHA256SUMS"}
        assert ModelVersion.load(json.loads(made.read("flight-delay-version-1/records/version.json"))).number == 1
        assert len(json.loads(made.read("flight-delay-version-1/records/data-rulings.json"))) == 1
        page = made.read("flight-delay-version-1/index.html").decode()
    assert "Model card: flight-delay, version 1" in page
    assert "--ground" in page, "its style is in it"
    assert "http" not in page.replace("http-equiv", "")


def test_the_same_evidence_is_the_same_bytes(ask, store):
    shelves.register(store, report=None)
    first, second = (ask("/models/flight-delay/versions/1/evidence.zip").content for _ in range(2))
    assert first == second


def test_what_is_not_in_the_store_is_left_out(ask, store):
    shelves.register(store, report=None)
    with pack(ask) as made:
        assert "flight-delay-version-1/records/training-run.json" not in made.namelist()
