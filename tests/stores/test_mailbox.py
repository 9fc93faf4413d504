import pytest

import samples
from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.jobs import JobRequest, JobResult
from taxiway.core.names import canonical
from taxiway.stores.mailbox import Mailbox
from taxiway.stores.objects import ObjectStore

KEY = samples.job_key()


def request(stage: str = "train") -> JobRequest:
    return JobRequest(key=KEY, stage=stage, work={"a": 1}, store="file:///store/")


def result(host: str = "one") -> JobResult:
    return JobResult(
        key=KEY,
        record={"kind": "Nothing"},
        failure=None,
        started_at="2026-01-01T00:00:00+00:00",
        ended_at="2026-01-01T00:00:01+00:00",
        cpu_s=1.0,
        peak_memory_bytes=1,
        host=host,
    )


def test_a_request_is_read_by_its_key(store: ObjectStore) -> None:
    box = Mailbox(store)
    assert box.request(KEY) is None
    assert box.post(request())
    assert box.request(KEY) == request()
    assert box.request(samples.job_key(attempt=2)) is None


def test_the_first_request_of_a_key_stays(store: ObjectStore) -> None:
    box = Mailbox(store)
    box.post(request())
    assert not box.post(request("evaluate"))
    assert box.request(KEY) == request()


def test_the_first_result_of_a_key_stays(store: ObjectStore) -> None:
    box = Mailbox(store)
    assert box.result(KEY) is None
    assert box.deliver(result("one"))
    assert not box.deliver(result("two"))
    assert box.result(KEY) == result("one")


def test_one_look_says_what_is_there_for_a_job(store: ObjectStore) -> None:
    box = Mailbox(store)
    assert box.found(KEY.slug) == set()
    box.post(request())
    assert box.mark(KEY.slug, "launched")
    assert not box.mark(KEY.slug, "launched")
    box.deliver(result())
    box.post(request().model_copy(update={"key": samples.job_key(attempt=2)}))
    assert box.found(KEY.slug) == {"job.json", "launched", "result.json"}


def test_a_result_of_a_newer_version_is_explained(memory_store: ObjectStore) -> None:
    newer = canonical({**result().dump(), "v": JobResult.version + 1, "extra": True})
    memory_store.create(f"jobs/{KEY.slug}/result.json", newer)
    with pytest.raises(SpecError, match="written by another version of Taxiway") as caught:
        Mailbox(memory_store).result(KEY)
    assert f"jobs/{KEY.slug}/result.json" in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"{", b"[]", b'"x"', b'{"kind":"JobResult","v":1}', b'{"kind":"Other","v":1}']
)
def test_a_broken_result_is_named(memory_store: ObjectStore, data: bytes) -> None:
    memory_store.create(f"jobs/{KEY.slug}/result.json", data)
    with pytest.raises(IntegrityError, match=f"jobs/{KEY.slug}/result.json"):
        Mailbox(memory_store).result(KEY)
