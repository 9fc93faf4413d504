import time

import pytest

from stores.faulty import careless_s3
from taxiway.stores.objects import ObjectStore, open_store
from taxiway.stores.probe import probe


def test_a_store_that_keeps_the_contract_is_trusted(store: ObjectStore) -> None:
    findings = probe(store)
    assert len(findings) >= 5
    assert all(finding.ok and not finding.detail for finding in findings), findings
    assert list(store.list("")) == []


def test_a_store_that_ignores_the_condition_is_refused() -> None:
    with careless_s3() as port:
        keys = {"access_key_id": "k", "secret_access_key": "s", "endpoint": f"http://127.0.0.1:{port}"}
        findings = probe(open_store("s3://bucket/store", credentials=keys))
    broken = {finding.check: finding.detail for finding in findings if not finding.ok}
    assert "do not use this store for a registry" in broken["an object that exists is not created again"]
    assert "8 of 8 writers" in broken["of 8 writers at once exactly one creates an object"]
    assert len(broken) == 2
    assert all(finding.remedy for finding in findings if not finding.ok)


@pytest.mark.parametrize(("off", "way"), [(-90, "ahead of"), (90, "behind")])
def test_a_clock_that_is_off_is_found(off, way, store: ObjectStore) -> None:
    (finding,) = [one for one in probe(store, clock=lambda: time.time() + off) if not one.ok]
    assert finding.check == f"the clocks of this machine and of the store {store.uri} agree"
    assert way in finding.detail
    assert "NTP" in finding.remedy


@pytest.mark.parametrize("uri", ["file:///proc/taxiway", "file:///dev/null/x"])
def test_a_store_that_cannot_be_written_is_one_clear_finding(uri: str) -> None:
    findings = probe(open_store(uri))
    assert [finding.ok for finding in findings] == [False]
    assert uri in findings[0].detail


def test_a_store_that_does_not_answer_is_one_clear_finding() -> None:
    keys = {"access_key_id": "k", "secret_access_key": "s", "endpoint": "http://127.0.0.1:9"}
    findings = probe(open_store("s3://bucket", credentials=keys, patience_s=0.5))
    assert "the connection to the store failed" in findings[0].detail
    assert not any(finding.ok for finding in findings)
