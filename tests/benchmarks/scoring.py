"""Batch scoring against a bare loop over the same batches: processor time and peak memory of whole processes.

    uv run --extra dev python tests/benchmarks/scoring.py [--json] [--quick] [--rows 10000000]

Both read the same Parquet file in batches, ask the same model, and write identifier, label and probability as Parquet.
Threads of OpenMP sleep while they wait, in both: waiting for a busy core is no work.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from table import report, row

BATCH_ROWS = 131_072
COLUMNS = ("delay", "distance", "hour", "wind", "fuel")


def rows_asked(argv):
    if "--quick" in argv:
        return 150_000
    return int(argv[argv.index("--rows") + 1]) if "--rows" in argv else 10_000_000


def write_lake(file, rows):
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random, writer = np.random.default_rng(0), None
    for start in range(0, rows, 1_000_000):
        size = min(1_000_000, rows - start)
        columns = {"id": np.arange(start, start + size)} | {name: random.normal(size=size) for name in COLUMNS}
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(file, table.schema)
        writer.write_table(table, row_group_size=BATCH_ROWS)
    writer.close()


def train_models(folder):
    import numpy as np
    import polars as pl
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    from taxiway.engines.flavours import flavour

    random = np.random.default_rng(1)
    data = pl.DataFrame(random.normal(size=(20_000, len(COLUMNS))), schema=list(COLUMNS))
    late = (data["delay"] + data["hour"] * data["wind"] > 0).to_numpy()
    for name, model in (("boosting", HistGradientBoostingClassifier(max_iter=60)), ("line", LogisticRegression())):
        (folder / name).mkdir()
        flavour("sklearn").save(model.fit(data, late), folder / name, allow_pickle=False)


def bare(lake, model_folder, out):
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

    from taxiway.engines.flavours.sklearn import allowed, skops_io

    model = skops_io().load(model_folder / "model.skops", trusted=sorted(allowed()[1]))
    writer = None
    for batch in pq.ParquetFile(lake).iter_batches(BATCH_ROWS, columns=["id", *COLUMNS]):
        rows = pl.from_arrow(batch)
        probabilities = model.predict_proba(rows.select(COLUMNS))
        labels = model.classes_[probabilities.argmax(axis=1)]
        table = pa.table({"id": batch["id"], "prediction": labels, "score": probabilities[:, 1]})
        writer = writer or pq.ParquetWriter(out / "predictions.parquet", table.schema, compression="zstd")
        writer.write_table(table)
    writer.close()


def ours(lake, model_folder, out):
    import samples
    from taxiway.core.evaluation import Rival
    from taxiway.core.specs.data import Dataset
    from taxiway.core.specs.scoring import Scoring
    from taxiway.core.stages import ScoreWork
    from taxiway.core.training import Column
    from taxiway.runtime.context import Job
    from taxiway.runtime.scoring import score
    from taxiway.stores.blobs import Blobs
    from taxiway.stores.datasets import snapshot
    from taxiway.stores.objects import open_store

    store = open_store((out / "store").as_uri())
    dataset = Dataset("flights", lake.as_uri())
    inputs = tuple(Column(name=name, dtype="Float64") for name in COLUMNS)
    model = samples.model_ref(digest=Blobs(store).put_folder(model_folder).digest, inputs=inputs)
    scoring = Scoring(dataset, (out / "scores").as_uri(), keep=("id",), batch_rows=BATCH_ROWS)
    rival = Rival(name=model.name, number=1, model=model)
    (out / "scratch").mkdir()
    work = ScoreWork(model=rival, scoring=scoring, dataset=snapshot(dataset, store))
    score(work, Job(samples.job_key(), store, out / "scratch"))


def child(how, lake, model_folder, out):
    {"bare": bare, "ours": ours}[how](Path(lake), Path(model_folder), Path(out))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu_s": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss * 1024}))


def measure(how, lake, model_folder):
    with tempfile.TemporaryDirectory(prefix="taxiway-benchmark-") as out:
        command = [sys.executable, __file__, "--child", how, str(lake), str(model_folder), out]
        path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        env = {**os.environ, "PYTHONPATH": path, "OMP_WAIT_POLICY": "passive"}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    return json.loads(done.stdout.splitlines()[-1])


def main(argv):
    if "--child" in argv:
        return child(*argv[argv.index("--child") + 1 :])
    rows = rows_asked(argv)
    with tempfile.TemporaryDirectory(prefix="taxiway-benchmark-") as folder:
        lake, tenth, models = Path(folder, "lake.parquet"), Path(folder, "tenth.parquet"), Path(folder, "models")
        write_lake(lake, rows)
        write_lake(tenth, rows // 10)
        models.mkdir()
        train_models(models)
        found = {
            (how, name): measure(how, lake, models / name) for name in ("boosting", "line") for how in ("bare", "ours")
        }
        small = measure("ours", tenth, models / "boosting")
    ratio = {name: found["ours", name]["cpu_s"] / found["bare", name]["cpu_s"] for name in ("boosting", "line")}
    peak = found["ours", "boosting"]["peak"]
    return report(
        [
            row(
                f"scoring {rows:,} rows, CPU, times a bare loop (boosted trees)", ratio["boosting"], 1.15, at_most=True
            ),
            row("the same with a linear model, where nothing hides the rest", ratio["line"], None, at_most=True),
            row("peak memory, times the bare loop's", peak / found["bare", "boosting"]["peak"], 1.5, at_most=True),
            row("peak memory, times that of a tenth of the rows", peak / small["peak"], 1.25, at_most=True),
            row("peak memory, GB", peak / 1e9, None, at_most=True),
            row("CPU seconds of the bare loop (boosted trees)", found["bare", "boosting"]["cpu_s"], None, at_most=True),
        ],
        argv,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
