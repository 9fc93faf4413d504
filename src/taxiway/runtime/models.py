"""The one way from a trained model to its record, and from the record to a model that predicts.

Evaluation, scoring and serving all load through here.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taxiway.core.data import DatasetRef
from taxiway.core.errors import IntegrityError, SpecError, TaxiwayError
from taxiway.core.names import nearest
from taxiway.core.stages import TrainWork
from taxiway.core.training import Column, ModelRef
from taxiway.engines.flavours import (
    ArrayPredictor,
    Flavour,
    Prediction,
    Predictor,
    flavour,
    flavour_of,
    select,
)
from taxiway.runtime import golden

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from taxiway.stores.objects import ObjectStore

_RETURNED = "the result of the train function"


class Model:
    """A loaded model that picks its columns by name, in its own order, from whatever rows it is given."""

    def __init__(self, inputs: tuple[Column, ...], predictor: Predictor, folder: Path | None = None) -> None:
        self.inputs = inputs
        self.predictor = predictor
        self.folder = folder

    def predict(self, rows: "pl.DataFrame") -> Prediction:
        """One answer per row.

        Raises:
            SpecError: a column the model reads is missing (the nearest name is offered) or of another type.
        """
        return self.predictor.predict(select(rows, self.inputs))

    @property
    def takes_arrays(self) -> bool:
        """Whether `predict_array` can be asked."""
        return isinstance(self.predictor, ArrayPredictor)

    def predict_array(self, rows: "np.ndarray[Any, Any]") -> Prediction:
        """One answer per row of a matrix of `inputs`; see `ArrayPredictor`."""
        if not isinstance(self.predictor, ArrayPredictor):
            raise TypeError(type(self.predictor))
        return self.predictor.predict_array(rows)

    def replay(self) -> int:
        """Asks the golden requests that were kept with the model; gives how many there are.

        Raises:
            IntegrityError: it answers otherwise than it did when it was trained.
        """
        return golden.replay(self, self.folder) if self.folder else 0

    def check(self, schema: "pl.Schema") -> None:
        """Refuses rows of a schema that `predict` would refuse, before any of them is read."""
        select(schema.to_frame(), self.inputs)


def load_model(ref: ModelRef, store: "ObjectStore", scratch: Path) -> Model:
    """The model of a record: fetched, every byte verified against the record's digest, then loaded.

    Raises:
        IntegrityError: the bytes are not the record's, or would run code although the record does not say so.
        NotFound: the store does not have them.
        SpecError: the library of its flavour is not installed.
    """
    from taxiway.stores.blobs import Blobs

    return _opened(ref, Blobs(store).fetch_folder(ref.digest, scratch / "models" / ref.digest.rpartition(":")[2]))


def open_model(ref: ModelRef, folder: Path) -> Model:
    """The model of a record, from the folder that holds its bytes: they are verified here and now, then loaded.

    Raises:
        IntegrityError: the bytes are not the record's, or would run code although the record does not say so.
        SpecError: the library of its flavour is not installed.
    """
    from taxiway.stores.blobs import folder_digest

    found = folder_digest(folder)
    if found != ref.digest:
        raise IntegrityError(
            "the bytes of this model are not the ones that were registered",
            where=f"model {ref.name!r} in {folder}",
            expected=ref.digest,
            got=found,
            do="Do not serve them. Find out who changed them, and restore them from a backup.",
        )
    return _opened(ref, folder)


def _opened(ref: ModelRef, folder: Path) -> Model:
    return Model(ref.inputs, flavour(ref.flavour).load(folder, allow_pickle=ref.pickled), folder)


def save_model(
    model: Any,
    work: TrainWork,
    head: "pl.DataFrame",
    store: "ObjectStore",
    scratch: Path,
    *,
    named_inputs: tuple[str, ...] = (),
) -> ModelRef:
    """The record of a trained model, once its saved bytes were loaded again and asked about a few training rows.

    Raises:
        SpecError: it cannot be saved, does not name the columns it reads, or cannot predict from the saved bytes.
    """
    from taxiway.stores.blobs import Blobs

    if model is None:
        raise SpecError(
            "the train function returned nothing",
            where=f"Training.function {work.training.function!r}",
            expected="the trained model",
            got="None",
            do="End the function with: return model",
        )
    kind = work.training.flavour or flavour_of(model)
    saver = flavour(kind)
    folder = Path(tempfile.mkdtemp(prefix="model-", dir=scratch))
    inputs = _signature(model, saver, named_inputs, {name: str(dtype) for name, dtype in head.schema.items()})
    pickled = saver.save(model, folder, allow_pickle=work.training.allow_pickle)
    loaded = _try_out(folder, saver, inputs, head, pickled=pickled)
    golden.keep(loaded, select(head, inputs), folder, hidden=_hidden(work.dataset))
    blob = Blobs(store).put_folder(folder)
    return ModelRef(
        name=work.model,
        uri=blob.uri,
        digest=blob.digest,
        flavour=kind,
        size_bytes=blob.size_bytes,
        trained_on=work.dataset,
        inputs=inputs,
        pickled=pickled,
    )


def _signature(model: Any, saver: Flavour, named: tuple[str, ...], columns: Mapping[str, str]) -> tuple[Column, ...]:
    """The columns a model reads: those the run named, else those it was fitted with, else all there are."""
    knows = saver.inputs(model)
    if not named and isinstance(knows, tuple):
        named = knows
    elif not named and knows == len(columns):
        named = tuple(columns)
    elif not named:
        raise SpecError(
            "it is not known which columns this model reads",
            where=_RETURNED,
            expected=f"names for its {knows} inputs" if knows else "names for its inputs",
            got=f"a dataset with {len(columns)} columns",
            do="Call run.inputs('column', …) in the order the model reads them, or fit it with a DataFrame.",
        )
    for name in named:
        if name not in columns:
            raise SpecError(
                f"the model reads a column {name!r} that the dataset does not have",
                where=_RETURNED,
                expected=f"some of {', '.join(columns)}",
                do=nearest(name, columns)
                or "Make new columns inside the model (a Pipeline), so that scoring can, too.",
            )
    return tuple(Column(name=name, dtype=columns[name]) for name in named)


def _hidden(dataset: DatasetRef) -> frozenset[str]:
    """Columns whose values may be trained on but not shown."""
    return frozenset(name for name, action in dataset.personal.items() if action == "mask")


def _try_out(folder: Path, saver: Flavour, inputs: tuple[Column, ...], head: "pl.DataFrame", *, pickled: bool) -> Model:
    try:
        model = Model(inputs, saver.load(folder, allow_pickle=pickled), folder)
        answers = model.predict(head)
    except Exception as error:
        raise SpecError(
            "the saved model cannot be used",
            where=_RETURNED,
            expected="the model, loaded again, to predict from the first rows it was trained on",
            got=error.what if isinstance(error, TaxiwayError) else f"{type(error).__name__}: {error}",
            do="Keep every step from the dataset's columns to the prediction inside the model.",
        ) from error
    if len(answers.values) != head.height:
        raise SpecError("the model did not give one answer per row", where=_RETURNED, got=len(answers.values))
    return model
