"""One small, whole example of every record kind: what the golden files are written from."""

import samples
from golden.monitoring import monitoring
from taxiway.core import Dataset, Evaluation, Judge, Scoring, Training
from taxiway.core.compare import compare
from taxiway.core.counts import Counts, Origin, Reading
from taxiway.core.data import DataObject
from taxiway.core.delivery import Letter, Receipt, Turn, TurnEnd
from taxiway.core.evaluation import Difference, Measure, Rival, Slice
from taxiway.core.gates import Clearance
from taxiway.core.history import Artifact, MetricPoint, RunChunk, spent
from taxiway.core.jobs import Cause, Failure, JobRequest, JobResult, JobState, JobStatus
from taxiway.core.judging import judge
from taxiway.core.notices import Picture
from taxiway.core.outcomes import Outcome
from taxiway.core.records import Record
from taxiway.core.registry import Commit, Point, Register, RegistryState, Yank, advance
from taxiway.core.reproduction import Deviation, Reproduction
from taxiway.core.rollouts import Action, Decision, Sight, Tally
from taxiway.core.rulings import DataRuling, Ruling
from taxiway.core.scoring import BatchScores, ScoredFile
from taxiway.core.serving import Phase
from taxiway.core.specs.alerts import SlackAlerts
from taxiway.core.specs.evaluation import Holdout
from taxiway.core.stages import EvaluateWork, ScoreWork, TrainWork, ValidateWork
from taxiway.core.training import Column, Environment, Target, TrainingRun
from taxiway.core.validation import CheckResult, ValidationReport

AT = "2026-01-01T00:00:00.000000Z"


def everything() -> list[Record]:
    return [
        *_data(),
        *_training(),
        *_evaluation(),
        *_registry(),
        *_rulings(),
        *_jobs(),
        *_reproduction(),
        *_notices(),
        *_rollouts(),
        *monitoring(),
    ]


def _data() -> list[Record]:
    ref = samples.dataset_ref(personal={"tailnum": "hash"})
    check = CheckResult(
        check="hour: in_range(0, 23)",
        column="hour",
        severity="error",
        outcome=Outcome.FAIL,
        failed=3,
        rate=0.003,
        samples=("24", "25"),
    )
    contract = f"sha256:{samples.hexes('c')}"
    report = ValidationReport(
        dataset=ref, outcome=Outcome.FAIL, rows=1000, columns={"hour": "Int64"}, checks=(check,), contract=contract
    )
    dataset = Dataset(
        "flights", "s3://lake/flights/", checks="flight_delay.checks:Flights", personal={"tailnum": "drop"}
    )
    checksum = f"sha256:{samples.hexes('f')}"
    item = DataObject(path="2013-01.parquet", size_bytes=2048, checksum=checksum, rows=500, stored="ff/ffff")
    return [ref, item, check, report, ValidateWork(dataset=dataset, sample_rows=100)]


def _training() -> list[Record]:
    environment = Environment(
        python="3.11.7",
        platform="Linux-x86_64",
        packages={"scikit-learn": "1.9.1"},
        code=f"{'0' * 40}+dirty",
        source=f"sha256:{samples.hexes('0')}",
    )
    run = TrainingRun(
        run="flight-delay/run-1",
        model=samples.model_ref(),
        params={"learning_rate": 0.1, "columns": ["month", "day"]},
        metrics={"validation_log_loss": 0.4, "diverged": None},
        environment=environment,
        seed=7,
        seconds=12.5,
        peak_memory_bytes=2**30,
        profile=f"sha256:{samples.hexes('2')}",
    )
    training = Training("flight_delay.train:train", params={"max_iter": 60}, seed=7)
    work = TrainWork(model="flight-delay", training=training, dataset=samples.dataset_ref(), holdout=Holdout(0.2))
    point = MetricPoint(name="validation_log_loss", step=3, value=None, at=1767225600.5)
    artifact = Artifact(name="curve.png", digest=f"sha256:{samples.hexes('7')}", size_bytes=512)
    chunk = RunChunk(points=(point,), artifacts=(artifact,))
    column = Column(name="dep_delay", dtype="Float64")
    return [column, samples.model_ref(), environment, run, work, point, artifact, chunk]


def _evaluation() -> list[Record]:
    measure = Measure(metric="roc_auc", value=0.8, low=0.79, high=0.81, rows=1000)
    level = Slice(column="carrier", level="AA", rows=400, measures=(measure,), champion=(measure,))
    report = samples.report_against_champion(0.02).model_copy(
        update={"slices": (level,), "baseline": f"sha256:{samples.hexes('3')}"}
    )
    better = {"gate": "roc_auc beats the champion", "measured": 0.02, "limit": 0.0, "reason": "roc_auc is better"}
    verdicts = (samples.verdict(report.model), samples.verdict(report.model, **better))
    clearance = Clearance(subject=report.model.digest, outcome=Outcome.PASS, verdicts=verdicts)
    evaluation = Evaluation("late", ("roc_auc", "log_loss"), on=Holdout(0.2, by="flight_id"), slices=("carrier",))
    rival = Rival(name="flight-delay", number=1, model=samples.model_ref("c"))
    work = EvaluateWork(model=samples.model_ref(), champion=rival, evaluation=evaluation, dataset=samples.dataset_ref())
    difference = Difference(metric="roc_auc", value=0.02, quantiles=report.differences[0].quantiles)
    return [measure, difference, level, rival, report, verdicts[0], clearance, work]


def _rulings() -> list[Record]:
    by = samples.author(dag_id="flight-delay.training", run_id="manual__2026-01-01", task_id="decision.gate")
    report = samples.report_against_champion(0.02)
    clearance = Clearance(
        subject=report.model.digest, outcome=Outcome.FAIL, verdicts=(samples.verdict(report.model, Outcome.FAIL),)
    )
    kept = ValidationReport(dataset=samples.dataset_ref(), outcome=Outcome.PASS, rows=1000, columns={}, checks=())
    return [
        Ruling(model="flight-delay", at=AT, by=by, clearance=clearance, report=report.fingerprint()),
        DataRuling(at=AT, by=by, report=kept),
    ]


def _registry() -> list[Record]:
    version = samples.model_version(
        registered_at=AT,
        report=f"sha256:{samples.hexes('b')}",
        profile=f"sha256:{samples.hexes('2')}",
        baseline=f"sha256:{samples.hexes('3')}",
    )
    register = Register(entry=version)
    point = Point(alias="champion", to=1, model=version.model, expected=0)
    registered = advance(RegistryState(), register, model="flight-delay")
    live = advance(registered, point, model="flight-delay")
    service = samples.service_state(candidate=samples.target(1), weight=25, phase=Phase.TRIAL)
    serve = samples.serve(service)
    live = advance(live, serve, model="flight-delay")
    author = samples.author(dag_id="flight-delay.training", run_id="manual__2026-01-01", task_id="promote")
    commit = Commit(
        number=2,
        id="0" * 32,
        model="flight-delay",
        at=AT,
        by=author,
        change=point,
        previous=f"sha256:{samples.hexes('9')}",
        state=live,
    )
    file = ScoredFile(path="part-0.parquet", rows=10, size_bytes=999, checksum=f"sha256:{samples.hexes('8')}")
    scores = BatchScores(
        model="flight-delay",
        number=1,
        model_digest=version.model.digest,
        dataset=samples.dataset_ref(),
        manifest="s3://lake/scores/manifest.json",
        files=(file,),
        rows=10,
        seconds=1.5,
    )
    target = Target(number=1, model=version.model)
    better = samples.model_version(2, "b", metrics={"roc_auc": 0.9})
    comparison = compare(version, better, (None, None))
    changes = [register, point, Yank(number=1), serve]
    return [comparison, author, version, *changes, service, target, live, commit, file, scores]


def _jobs() -> list[Record]:
    scoring = Scoring(
        Dataset("flights", "s3://lake/flights/{{ ds }}.parquet"), "s3://lake/scores/", keep=("flight_id",)
    )
    rival = Rival(name="flight-delay", number=1, model=samples.model_ref())
    work = ScoreWork(model=rival, scoring=scoring, dataset=samples.dataset_ref())
    failure = Failure(cause=Cause.USER_CODE, message="ValueError: no rows", retryable=False, traceback="Traceback …")
    request = JobRequest(
        key=samples.job_key(), stage="score", work=work.dump(), store="s3://models/", sys_path=("dags",), deadline_s=60
    )
    result = JobResult(
        key=samples.job_key(),
        record=None,
        failure=failure,
        started_at=AT,
        ended_at=AT,
        cpu_s=1.5,
        peak_memory_bytes=2**20,
        host="worker-1",
    )
    status = JobStatus(state=JobState.ENDED, detail="exit status 1", failure=failure)
    return [work, samples.job_key(), failure, request, result, status, spent(request, result)]


def _reproduction() -> list[Record]:
    deviation = Deviation(what="package 'polars'", then="1.34.0", now="1.35.2")
    made = Reproduction(
        model="flight-delay",
        number=3,
        digest=samples.model_ref("a").digest,
        again=samples.model_ref("b").digest,
        code="git commit 0123456789abcdef0123456789abcdef01234567",
        seconds=(12.5, 11.0),
        differences=(deviation,),
    )
    return [deviation, made]


def _notices() -> list[Record]:
    picture = Picture(digest=f"sha256:{samples.hexes('5')}", alt="dep_delay, reference and window")
    notice = samples.notice(3, key="window-4", picture=picture)
    letter = Letter(notice=notice, to=SlackAlerts("#ml", owner="S0123456789", escalate_after="PT4H"))
    receipt = Receipt(part="message", at=1767412800.5, number=3, channel="C0123456789", ts="1767412801.000100")
    turn = Turn(number=2, by="worker-1:77", at=1767412800.0, until=1767412920.0, unsure_since=1767412000.0, failures=1)
    end = TurnEnd(
        number=2, at=1767412801.0, error="Slack is down.", retry_at=1767412861.0, unsure_since=1767412000.0, failures=2
    )
    return [notice.facts[0], notice.columns[0], notice.links[0], picture, notice, letter, receipt, turn, end]


def _rollouts() -> list[Record]:
    counts = Counts(
        answers={"ok": 95, "failed": 5},
        seconds={"0.01": 99, "+Inf": 1},
        predictions={"0.3": 90},
        labels={},
        invalid=5,
        compared=10,
        disagreements=1,
    )
    digest = samples.target(2).model.digest
    reading = Reading(
        replica="pod-1", started=1.5, generation=2, ready={"live": digest}, failed="", counts={"2": counts}
    )
    judgement = judge(Judge(), counts, counts)
    sight = Sight(settled=True, readings=(reading,), unreachable=("pod-2",))
    tally = Tally(looks=3, steady=2, ready={"pod-1": 1.5}, flaps=1, failures=1, undecided=1, unreachable=1)
    state = samples.service_state(candidate=samples.target(2), weight=25, phase=Phase.TRIAL)
    decision = Decision(action=Action.HOLD, state=state, reason=judgement.reason, tally=tally)
    window = Origin(generation=2, readings=(reading,))
    return [counts, reading, window, judgement.findings[1], judgement, sight, tally, decision]
