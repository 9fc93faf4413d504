"""Training: what came of it."""

from pydantic import JsonValue, NonNegativeInt, PositiveInt

from taxiway.core.data import DatasetRef
from taxiway.core.names import Digest, Name
from taxiway.core.records import Record


class Column(Record):
    """A named input of a model; `dtype` is the polars name of its type."""

    name: str
    dtype: str


class ModelRef(Record):
    """Trained bytes, registered or not, and the data they were trained on.

    Attributes:
        name: the model's name.
        uri: the object-store prefix that holds the bytes, as a blob.
        digest: `folder-sha256:…` of the saved folder: the hash of its canonical list of (path, size, sha256).
        flavour: which loader reads it.
        size_bytes: of all files together.
        trained_on: the snapshot the function was given.
        inputs: the columns the model reads, in its order.
        pickled: its bytes can run code when they are loaded.
    """

    name: Name
    uri: str
    digest: Digest
    flavour: str
    size_bytes: NonNegativeInt
    trained_on: DatasetRef
    inputs: tuple[Column, ...] = ()
    pickled: bool = False


class Target(Record):
    """A version by its number and its bytes: what an alias points at, and what a service serves."""

    number: PositiveInt
    model: ModelRef


class Environment(Record):
    """What the function ran in: enough to build it again.

    Attributes:
        python: its version.
        platform: operating system and processor.
        packages: name to version, of the installed distributions that were imported.
        code: the git commit of the function's folder, with `+dirty` behind it if files were changed; none outside git.
        source: `sha256:…` of the source text of the function's module.
    """

    python: str
    platform: str
    packages: dict[str, str]
    code: str | None = None
    source: Digest | None = None


class TrainingRun(Record):
    """The result of training; curves, artefacts and logs are in the run history under `run`.

    Attributes:
        run: key of the run history.
        model: what was trained.
        params: what the function was given.
        metrics: the last value of each metric that the function logged; None where that was NaN or infinite.
        environment: what it ran in.
        seed: what the generators were seeded with.
        seconds: wall-clock time of the function.
        peak_memory_bytes: the most memory the process held.
        profile: digest of the `Profile` of the rows the function was given; none from an older taxiway.
    """

    version = 2

    run: str
    model: ModelRef
    params: dict[str, JsonValue]
    metrics: dict[str, float | None]
    environment: Environment
    seed: int
    seconds: float
    peak_memory_bytes: NonNegativeInt
    profile: Digest | None = None
