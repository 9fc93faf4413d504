"""The stages that run as jobs, and what each is given: one record or spec in, one record out."""

from enum import StrEnum

from pydantic import PositiveInt

from taxiway.core.data import DatasetRef
from taxiway.core.evaluation import Rival
from taxiway.core.names import Name
from taxiway.core.records import Record
from taxiway.core.specs.data import Dataset
from taxiway.core.specs.evaluation import Evaluation, Holdout
from taxiway.core.specs.scoring import Scoring
from taxiway.core.specs.training import Training
from taxiway.core.training import ModelRef


class Stage(StrEnum):
    """A function of the runtime."""

    VALIDATE = "validate"
    TRAIN = "train"
    EVALUATE = "evaluate"
    SCORE = "score"
    WINDOW = "window"
    REFERENCE = "reference"
    PROFILE = "profile"
    COMPARE = "compare"
    ILLUSTRATE = "illustrate"
    MEASURE = "measure"


class ValidateWork(Record):
    """Take a snapshot of a dataset and ask its contract: gives a `ValidationReport`."""

    dataset: Dataset
    sample_rows: PositiveInt | None = None


class TrainWork(Record):
    """Train a model on a validated snapshot, less the holdout: gives a `TrainingRun`."""

    model: Name
    training: Training
    dataset: DatasetRef
    holdout: Holdout | None = None


class EvaluateWork(Record):
    """Measure the candidate and the champion on the same rows: gives an `EvaluationReport`.

    `dataset` is the snapshot those rows are from; the training data's own where `evaluation.on` is a holdout.
    """

    model: ModelRef
    champion: Rival | None
    evaluation: Evaluation
    dataset: DatasetRef


class ScoreWork(Record):
    """Score a validated snapshot with a registered version: gives `BatchScores`."""

    model: Rival
    scoring: Scoring
    dataset: DatasetRef
