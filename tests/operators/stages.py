"""User code for jobs under test: small data, a quick model, and train functions that misbehave."""

import os
import time
from pathlib import Path


def write_rows(folder: Path, rows: int = 400, name: str = "rows.parquet") -> str:
    """Writes rows whose label follows `x` and gives the folder's URI."""
    import polars as pl

    folder.mkdir(parents=True, exist_ok=True)
    x = [(i * 37 % 101) / 101 for i in range(rows)]
    frame = pl.DataFrame({"id": range(rows), "x": x, "group": ["a", "b"] * (rows // 2), "late": [v > 0.5 for v in x]})
    frame.write_parquet(folder / name)
    return f"{folder.as_uri()}/"


def train(data, params, run):
    from sklearn.linear_model import LogisticRegression

    rows = data.select("x", "late").collect()
    return LogisticRegression(C=params.get("C", 100.0)).fit(rows.select("x"), rows["late"].to_numpy())


def guess(data, params, run):
    """Knows nothing."""
    from sklearn.dummy import DummyClassifier

    rows = data.select("x", "late").collect()
    return DummyClassifier(strategy="prior").fit(rows.select("x"), rows["late"].to_numpy())


def counted(data, params, run):
    """Leaves a line per start in `params["starts"]` and waits while `params["hold"]` exists."""
    with Path(params["starts"]).open("a") as lines:
        lines.write(f"{os.getpid()}\n")
    print("training has started", flush=True)
    while Path(params["hold"]).exists():
        time.sleep(0.05)
    return train(data, params, run)


def held(data, params, run):
    """Leaves a sign per start in the store `params["signs"]`, and waits there until it is told to go on."""
    import uuid

    from taxiway.stores.objects import open_store

    store = open_store(params["signs"])
    store.create(f"{params['name']}/starts/{uuid.uuid4().hex}", b"")
    print("training has started", flush=True)
    while store.head(f"{params['name']}/go") is None:
        time.sleep(0.2)
    return train(data, params, run)


def resumable(data, params, run):
    """Counts to `params["steps"]`, and keeps its place; each step leaves a sign in the store `params["signs"]`."""
    import uuid

    from taxiway.stores.objects import open_store

    signs = open_store(params["signs"])
    found = run.checkpoint.load()
    first = int((found.folder / "step.txt").read_text()) + 1 if found else 0
    print(f"begins at step {first}", flush=True)
    for step in range(first, params["steps"]):
        time.sleep(params.get("pause", 0.1))
        run.log(step=step, counted=step)
        signs.create(f"{params['name']}/steps/{step:04}/{uuid.uuid4().hex}", b"")
        if run.checkpoint.due(every_s=params.get("every_s", 1.0)):
            (run.scratch / "step.txt").write_text(str(step))
            run.checkpoint.save(step, run.scratch / "step.txt")
    return train(data, params, run)


def stamped(data, params, run):
    """Says in the store `params["signs"]` when it began."""
    from taxiway.stores.objects import open_store

    began = time.time()
    open_store(params["signs"]).create(f"{params['name']}/began", str(began).encode())
    return train(data, params, run)


def fills(data, params, run):
    """Holds so many mebibytes, and learns."""
    kept = [b"x" * (1 << 20) for _ in range(params["mib"])]
    time.sleep(0.5)
    return train(data, params, run) if kept else None


def broken(data, params, run):
    raise ValueError("the learning rate must be positive")
