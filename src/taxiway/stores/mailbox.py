"""The mailbox of jobs: one request and one result per job key, each written once."""

from taxiway.core.jobs import JobKey, JobRequest, JobResult
from taxiway.stores.entries import R, decode, encode
from taxiway.stores.objects import ObjectStore


class Mailbox:
    """`jobs/<key>/job.json` and `jobs/<key>/result.json`, both put-if-absent."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def post(self, request: JobRequest) -> bool:
        """Writes the request; False when this key has one already, which stays."""
        return self._store.create(_path(request.key, "job"), encode(request))

    def request(self, key: JobKey) -> JobRequest | None:
        """The request of a key, or None while there is none.

        Raises:
            IntegrityError: it is broken.
            SpecError: a newer taxiway wrote it.
        """
        return self._read(JobRequest, _path(key, "job"))

    def deliver(self, result: JobResult) -> bool:
        """Writes the result; False when this key has one already, which stays."""
        return self._store.create(_path(result.key, "result"), encode(result))

    def result(self, key: JobKey) -> JobResult | None:
        """The result of a key, or None while there is none.

        Raises:
            IntegrityError: it is broken.
            SpecError: a newer taxiway wrote it.
        """
        return self._read(JobResult, _path(key, "result"))

    def asked(self, slug: str) -> JobRequest | None:
        """The request of the job of this slug, or None while there is none."""
        path = f"jobs/{slug}/job.json"
        data = self._store.read(path)
        return None if data is None else decode(JobRequest, data, self._store.uri + path)

    def answered(self, slug: str) -> bool:
        """Whether the job of this slug has a result."""
        return self._store.head(f"jobs/{slug}/result.json") is not None

    def mark(self, slug: str, word: str) -> bool:
        """Notes one word about the job of this slug, for whoever asks later; False when it is there already."""
        return self._store.create(f"jobs/{slug}/{word}", b"")

    def marked(self, slug: str, word: str) -> bool:
        """Whether that word was noted."""
        return self._store.head(f"jobs/{slug}/{word}") is not None

    def _read(self, cls: type[R], path: str) -> R | None:
        data = self._store.read(path)
        return None if data is None else decode(cls, data, self._store.uri + path)


def _path(key: JobKey, what: str) -> str:
    return f"jobs/{key.slug}/{what}.json"
