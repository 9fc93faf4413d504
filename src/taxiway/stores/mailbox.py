"""The mailbox of jobs: one request and one result per job key, each written once."""

from taxiway.core.jobs import JobKey, JobRequest, JobResult
from taxiway.stores.entries import R, decode, encode
from taxiway.stores.objects import ObjectStore

REQUEST, RESULT = "job.json", "result.json"


class Mailbox:
    """`jobs/<key>/job.json` and `jobs/<key>/result.json`, both put-if-absent."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def post(self, request: JobRequest) -> bool:
        """Writes the request; False when this key has one already, which stays."""
        return self._store.create(_path(request.key, REQUEST), encode(request))

    def request(self, key: JobKey) -> JobRequest | None:
        """The request of a key, or None while there is none.

        Raises:
            IntegrityError: it is broken.
            SpecError: a newer taxiway wrote it.
        """
        return self._read(JobRequest, _path(key, REQUEST))

    def deliver(self, result: JobResult) -> bool:
        """Writes the result; False when this key has one already, which stays."""
        return self._store.create(_path(result.key, RESULT), encode(result))

    def result(self, key: JobKey) -> JobResult | None:
        """The result of a key, or None while there is none.

        Raises:
            IntegrityError: it is broken.
            SpecError: a newer taxiway wrote it.
        """
        return self._read(JobResult, _path(key, RESULT))

    def asked(self, slug: str) -> JobRequest | None:
        """The request of the job of this slug, or None while there is none."""
        path = f"jobs/{slug}/{REQUEST}"
        data = self._store.read(path)
        return None if data is None else decode(JobRequest, data, self._store.uri + path)

    def found(self, slug: str) -> set[str]:
        """What is there for the job of this slug, in one request: `job.json`, `result.json`, and what was noted."""
        folder = f"jobs/{slug}/"
        return {info.path.removeprefix(folder) for info in self._store.list(folder)}

    def mark(self, slug: str, word: str) -> bool:
        """Notes one word about the job of this slug, for whoever asks later; False when it is there already."""
        return self._store.create(f"jobs/{slug}/{word}", b"")

    def _read(self, cls: type[R], path: str) -> R | None:
        data = self._store.read(path)
        return None if data is None else decode(cls, data, self._store.uri + path)


def _path(key: JobKey, name: str) -> str:
    return f"jobs/{key.slug}/{name}"
