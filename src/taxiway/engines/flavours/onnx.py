"""ONNX: the graph as one file, run by onnxruntime on the processor."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from taxiway.core.errors import IntegrityError
from taxiway.engines.flavours.base import Prediction, Predictor, classified, derives_from, matrix, needs

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

_FILE = "model.onnx"
_NUMBERS = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(int64)": "int64", "tensor(bool)": "bool"}


class Onnx:
    """Graphs of ONNX: one matrix in or one column per input; one output, or a label and its probabilities."""

    def recognises(self, model: object) -> bool:
        """Whether it is a graph."""
        return derives_from(model, "onnx.onnx_ml_pb2.ModelProto", "onnx.onnx_pb.ModelProto", "onnx.ModelProto")

    def inputs(self, model: Any) -> tuple[str, ...] | int | None:
        """The names of its inputs if it has one per column, else the width of its matrix, if that is fixed."""
        values = list(model.graph.input)
        if len(values) > 1:
            return tuple(value.name for value in values)
        shape = values[0].type.tensor_type.shape.dim
        return int(shape[1].dim_value) or None if len(shape) > 1 else None

    def save(self, model: Any, folder: Path, *, allow_pickle: bool) -> bool:  # noqa: ARG002 - never needed
        """Writes the graph."""
        (folder / _FILE).write_bytes(model.SerializeToString(deterministic=True))
        return False

    def load(self, folder: Path, *, allow_pickle: bool) -> Predictor:  # noqa: ARG002 - never needed
        """Reads it into onnxruntime."""
        onnxruntime = needs("onnxruntime", "onnx")
        try:
            session = onnxruntime.InferenceSession(str(folder / _FILE), providers=["CPUExecutionProvider"])
        except Exception as error:
            raise IntegrityError("onnxruntime cannot read this model", where=_FILE, got=str(error)) from error
        return _Session(session)


class _Session:
    def __init__(self, session: Any) -> None:
        self.session = session

    def predict(self, rows: "pl.DataFrame") -> Prediction:
        import numpy as np

        inputs = self.session.get_inputs()
        if len(inputs) == 1:
            feed = {inputs[0].name: matrix(rows).astype(_NUMBERS.get(inputs[0].type, "float32"))}
        else:
            feed = {one.name: _column(rows[one.name], one.type) for one in inputs}
        labels, *probabilities = self.session.run(None, feed)
        if not probabilities:
            return Prediction(np.asarray(labels).reshape(rows.height, -1)[:, 0])
        scores = probabilities[0]
        if isinstance(scores, list):
            classes = list(scores[0]) if scores else []
            scores = np.array([[row[name] for name in classes] for row in scores], dtype=np.float64)
            return classified(np.asarray(labels), scores, classes)
        return classified(np.asarray(labels), scores, np.arange(scores.shape[1]))


def _column(values: "pl.Series", kind: str) -> "np.ndarray[Any, Any]":
    import polars as pl

    if kind == "tensor(string)":
        return values.cast(pl.String).to_numpy().astype(object).reshape(-1, 1)
    return values.cast(pl.Float64).to_numpy().astype(_NUMBERS.get(kind, "float32")).reshape(-1, 1)
