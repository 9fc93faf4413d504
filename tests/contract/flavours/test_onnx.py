import numpy as np
import pytest

from contract.flavours.flavour_contract import FlavourContract, rows

pytest.importorskip("onnxruntime", reason="run: pip install 'taxiway[onnx]'")
onnx = pytest.importorskip("onnx", reason="run: pip install onnx")


def graph(inputs, nodes, outputs, weights):
    made = onnx.helper.make_graph(nodes, "flights", inputs, outputs, weights)
    return onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)


class TestOneMatrixIn(FlavourContract):
    name = "onnx"
    classes = ()

    def model(self):
        weights = [onnx.numpy_helper.from_array(np.array([[1.0], [2.0], [3.0]], dtype=np.float32), "w")]
        return graph(
            [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 3])],
            [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
            [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 1])],
            weights,
        )

    def expected(self, _model, data):
        return data.to_numpy() @ np.array([1.0, 2.0, 3.0])


class TestOneColumnPerInputAndProbabilitiesOut(FlavourContract):
    name = "onnx"

    def model(self):
        names = rows(1).columns
        return graph(
            [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None, 1]) for name in names],
            [
                onnx.helper.make_node("Sigmoid", ["delay"], ["late"]),
                onnx.helper.make_node("Constant", [], ["one"], value_float=1.0),
                onnx.helper.make_node("Sub", ["one", "late"], ["early"]),
                onnx.helper.make_node("Concat", ["early", "late"], ["scores"], axis=1),
                onnx.helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
            ],
            [
                onnx.helper.make_tensor_value_info("label", onnx.TensorProto.INT64, [None]),
                onnx.helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, [None, 2]),
            ],
            [],
        )

    def expected(self, _model, data):
        return 1 / (1 + np.exp(-data["delay"].to_numpy()))
