"""One small, whole example of every record that monitoring writes."""

import samples
from core import journal
from taxiway.core.anomalies import Anomaly
from taxiway.core.drift import Asks, DriftTest, Fault
from taxiway.core.evaluation import Slice
from taxiway.core.incidents import Acknowledged, Ask, Declared, Evidence, JournalEntry, Mark, Retrained
from taxiway.core.monitoring import (
    CompareWork,
    IllustrateWork,
    Illustration,
    Live,
    MeasureWork,
    Profiled,
    ProfileWork,
    ReferenceWork,
    WindowPart,
    WindowParts,
    WindowWork,
)
from taxiway.core.performance import Baseline, Hits, Misses, Track
from taxiway.core.profiles import Bins, ColumnProfile, Confidence, Levels, Moments, Profile
from taxiway.core.records import Record
from taxiway.core.skew import Skew, SkewReport
from taxiway.core.specs.data import Dataset
from taxiway.core.specs.evaluation import Evaluation
from taxiway.core.specs.monitoring import Alarm, Drift, Labels, Monitoring, Retrain


def monitoring() -> list[Record]:
    return [*_profiles(), *_reports(), *_incidents(), *_works()]


def _profiles() -> list[Record]:
    moments = Moments(centre=2.0, count=3, total=-1.5, squares=4.25, low=-1.0, high=2.5)
    bins = Bins(edges=(-1.0, 0.0, 2.5), counts=(0, 1, 1, 1))
    levels = Levels(counts={"AA": 12, "UA": 9}, buckets=(0, 2), sure=26, fresh={"XX": 11})
    numbers = ColumnProfile(name="delay", dtypes=("Float64",), rows=4, missing=1, moments=moments, bins=bins)
    words = ColumnProfile(name="carrier", dtypes=("String",), rows=23, foreign=1, levels=levels, distinct=3)
    sure = Confidence(label="true", counts=(1, 2))
    profile = Profile(
        rows=23,
        columns=(words, numbers, numbers.model_copy(update={"role": "score", "infinite": 1})),
        edges=(0.5,),
        confidence=(sure,),
        outside=1,
        importance={"delay": 0.75, "carrier": 0.25},
        sampled=23,
    )
    hits = Hits(label="true", rows=(1, 2), hits=(0, 2), scores=(0.3, 1.5))
    misses = Misses(rows=(1, 2), absolute=(0.5, 1.5), squares=(0.25, 2.0))
    baseline = Baseline(
        rows=3,
        measures=(journal.measured(0.8),),
        answers=profile,
        hits=(hits,),
        misses=misses,
        positive="true",
        scored="true",
        importance={"delay": 1.0},
    )
    return [moments, bins, levels, numbers, sure, profile, hits, misses, baseline]


def _reports() -> list[Record]:
    finding = DriftTest(asks=Asks.VALUES, p=0.001, effect=0.4, outcome="fail")
    missing = DriftTest(asks=Asks.MISSING, note="there are no rows")
    column = journal.column("delay", finding, missing).model_copy(
        update={"weight": 0.75, "before": "mean 2", "now": "mean 5"}
    )
    trend = Anomaly(series="roc_auc", change="gradual", by=-0.05, usual=0.8, worse=True)
    fault = Fault(column="hour", what="type", expected="Int64", got="String")
    drift = journal.drift_report(
        profile=f"sha256:{'1' * 64}",
        live_since=journal.clock(-9),
        outcome="fail",
        score=0.3,
        tested=2,
        drifted=1,
        columns=(column,),
        faults=(fault,),
        estimates=(journal.measured(0.7, low=0.68, high=0.72),),
        expected=(journal.measured(0.8),),
        trends=(trend,),
        outside=3,
    )
    level = Slice(column="carrier", level="AA", rows=400, measures=(journal.measured(0.7),))
    performance = journal.performance_report(
        delay_s=3600.0,
        live_since=journal.clock(-9),
        repeated=2,
        contradictory=1,
        measures=(journal.measured(0.71, low=0.70, high=0.72),),
        estimates=drift.estimates,
        expected=drift.expected,
        slices=(level,),
        trends=(trend,),
    )
    track = Track(metric="roc_auc", windows=24, inside=23, error=0.01, bias=-0.002)
    broken = Skew(column="delay", breach="presence", expected="100.0% of the rows", got="50.0%", size=0.5)
    skewed = SkewReport(outcome="fail", training_rows=5000, serving_rows=1000, found=(broken,))
    return [broken, skewed, journal.hour(), finding, trend, column, fault, drift, performance, track]


def _incidents() -> list[Record]:
    alarm, retrain = Alarm(), Retrain()
    played = journal.Journal(alarm, retrain)
    step = played.hours("bb")
    event = journal.observation(1, Mark.BAD, values={"roc_auc": 0.6}, live_since=journal.clock(-9))
    entry = JournalEntry(
        number=2,
        id="0" * 32,
        at=journal.clock(1),
        event=event,
        alarm=alarm,
        retrain=retrain,
        watched=step.watched,
        steps=step.steps,
        ask=step.ask,
        note="",
    )
    declared = Declared(key="d", what="schema", at=journal.clock(0), who="ann", why="a new sensor")
    acknowledged = Acknowledged(key="a", incident=1, who="ann", why="the feed is being mended")
    retrained = Retrained(key="r", ask=1, number=2, why="version 2 was promoted")
    ask = Ask(
        model="flight-delay",
        population="all",
        number=1,
        at=journal.clock(1),
        until=journal.clock(25),
        why="incident 1 is confirmed",
    )
    signal = journal.signal(Evidence.ESTIMATED)
    incident = step.watched.incident
    return [signal, event, acknowledged, declared, retrained, ask, incident, step.steps[0], step.watched, entry]


def _works() -> list[Record]:
    digest = f"sha256:{samples.hexes('2')}"
    live = Live(number=3, model=samples.model_ref(), profile=digest, baseline=digest, since=journal.clock(-9))
    part = WindowPart(window=journal.hour(), live=live, dataset=samples.dataset_ref(), holds="answers", number=2, of=3)
    asked = Monitoring(
        window=Dataset("production", "s3://lake/production/{{ ts }}/"),
        labels=Labels(Dataset("arrivals", "s3://lake/arrivals/"), "flight_id", at="known_at"),
        metric="roc_auc",
        drift=Drift(ignore=("id",), weights={"delay": 2.0}),
        owner="ann",
    )
    profiled = Profiled(rows=1000, profile=digest, note="the model cannot answer these rows: NaN")
    evaluation = Evaluation("late", ("roc_auc",), slices=("carrier",))
    return [
        live,
        part,
        WindowParts(parts=(part,)),
        profiled,
        WindowWork(window=journal.hour(), live=live, monitoring=asked),
        ReferenceWork(dataset=samples.dataset_ref(), drift=asked.drift),
        ProfileWork(part=part, monitoring=asked, reference=digest),
        CompareWork(window=journal.hour(), live=live, parts=(profiled,), monitoring=asked, metrics=("roc_auc",)),
        IllustrateWork(parts=(part,), drift=asked.drift, reference=samples.dataset_ref()),
        Illustration(
            window=journal.hour(), page="monitoring/x.html", rows=9, reference_rows=8, passed=1, failed=("a",), note="b"
        ),
        MeasureWork(parts=(part,), monitoring=asked, evaluation=evaluation, final=False),
    ]
