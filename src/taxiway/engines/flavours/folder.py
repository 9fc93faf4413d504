"""A folder of any files with a loader: the way out for every kind of model that has no flavour."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taxiway.core.errors import IntegrityError, SpecError
from taxiway.core.names import check_entry_point
from taxiway.engines.entry_points import load_entry_point
from taxiway.engines.flavours.base import Prediction, Predictor

if TYPE_CHECKING:
    import polars as pl

LOADER = "loader"


class Folder:
    """A folder that the train function returns; its file `loader` names the `module:function` that reads it.

    The function is called with the folder and gives an object with `predict(rows)`, where `rows` is a polars DataFrame;
    that gives a `Prediction`, or one number or label per row.
    """

    def recognises(self, model: object) -> bool:
        """Whether it is a path."""
        return isinstance(model, Path)

    def inputs(self, model: Path) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's
        """None named: the loader's object takes whole rows unless the run named its inputs."""
        return ()

    def save(self, model: Path, folder: Path, *, allow_pickle: bool) -> bool:  # noqa: ARG002 - the protocol's
        """Copies the folder; its loader must be importable."""
        if not model.is_dir():
            raise SpecError(
                "the path that was returned as a model is not a folder",
                where="the result of the train function",
                expected="a folder with a file 'loader'",
                got=str(model),
                do="Write the model's files into run.scratch / 'model' and return that path.",
            )
        _loader(model)
        for path in model.rglob("*"):
            if path.is_symlink():
                raise SpecError("a model's folder may not hold links", where=str(path.relative_to(model)))
        shutil.copytree(model, folder, dirs_exist_ok=True)
        return False

    def load(self, folder: Path, *, allow_pickle: bool) -> Predictor:  # noqa: ARG002 - the protocol's
        """Calls the loader with the folder."""
        try:
            made = _loader(folder)(folder)
        except SpecError as error:
            raise IntegrityError("the model's loader cannot be used", where=LOADER, got=str(error)) from error
        if not callable(getattr(made, "predict", None)):
            raise IntegrityError("what the loader gave has no predict", where=LOADER, got=type(made).__name__)
        return Loaded(made)


class Loaded:
    """What a loader gave; bare arrays become predictions."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def predict(self, rows: "pl.DataFrame") -> Prediction:
        """One answer per row."""
        import numpy as np

        answer = self.model.predict(rows)
        prediction = answer if isinstance(answer, Prediction) else Prediction(np.asarray(answer))
        if len(prediction.values) != rows.height:
            raise SpecError(
                "the model did not give one answer per row",
                where="the predict of the folder's loader",
                expected=rows.height,
                got=len(prediction.values),
                do="Give one answer per row, in the order of the rows.",
            )
        return prediction


def _loader(folder: Path) -> Any:
    path = folder / LOADER
    if not path.is_file():
        raise SpecError(
            "the folder names no loader",
            where=str(folder.name),
            expected=f"a file {LOADER!r} that holds 'module:function'",
            got=", ".join(sorted(item.name for item in folder.iterdir())[:10]) or "an empty folder",
            do="Write the name of the function that loads the folder into that file.",
        )
    return load_entry_point(check_entry_point(path.read_text(encoding="utf-8").strip()), where=f"file {LOADER!r}")
