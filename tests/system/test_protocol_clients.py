"""The server against programs of others that know the protocol: two clients, and a fuzzer that reads our own page."""

import subprocess

import pytest

from runtime.serving.kit import Airfield, serving, until
from venvs import python_with

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

TRITON = """
import sys
import numpy as np
import tritonclient.http as client
from tritonclient.utils import InferenceServerException

server = client.InferenceServerClient(sys.argv[1])
name = "flight-delay"
assert server.is_server_live() and server.is_server_ready() and server.is_model_ready(name)
assert server.is_model_ready(name, "1") and not server.is_model_ready("another")
assert "binary_tensor_data" in server.get_server_metadata()["extensions"]
described = server.get_model_metadata(name)
assert [one["datatype"] for one in described["inputs"]] == ["BYTES", "FP64", "INT64"], described
assert server.get_model_repository_index() == [{"name": name, "version": "1", "state": "READY", "reason": ""}]

def ask(binary, rows):
    columns = {"carrier": (np.array(rows[0], object), "BYTES"), "delay": (np.array(rows[1]), "FP64"),
               "hour": (np.array(rows[2]), "INT64")}
    inputs = []
    for column, (values, datatype) in columns.items():
        inputs.append(client.InferInput(column, list(values.shape), datatype))
        inputs[-1].set_data_from_numpy(values, binary_data=binary)
    outputs = [client.InferRequestedOutput(one, binary_data=binary) for one in ("prediction", "score")]
    answer = server.infer(name, inputs, outputs=outputs, request_id="x")
    assert answer.get_response()["id"] == "x" and answer.get_response()["model_version"] == "1"
    return answer.as_numpy("prediction"), answer.as_numpy("score")

rows = (["UA", "AA", "DL"], [1.5, -1.0, 0.0], [12, 3, 20])
(labels, scores), (labels2, scores2) = ask(True, rows), ask(False, rows)
assert labels.dtype == bool and labels.tolist() == labels2.tolist(), (labels, labels2)
assert np.allclose(scores, scores2) and scores.shape == (3,) and ((0 <= scores) & (scores <= 1)).all()
try:
    ask(True, (["UA"], [float("nan")], [1]))
except InferenceServerException as error:
    assert "NaN and infinity" in error.message() and error.status() == "400", error
else:
    raise AssertionError("NaN was answered")
try:
    server.infer(name, [client.InferInput("hour", [0], "INT64")])
except InferenceServerException as error:
    assert error.status() == "400", error
else:
    raise AssertionError("nothing was answered")
print("well")
"""

KSERVE = """
import asyncio, sys
import numpy as np
from kserve import InferenceRESTClient, RESTConfig, InferRequest, InferInput

async def main():
    config = RESTConfig(protocol="v2", retries=1, timeout=30)
    server = InferenceRESTClient(config)
    base = f"http://{sys.argv[1]}"
    assert await server.is_server_live(base) and await server.is_server_ready(base)
    assert await server.is_model_ready(base, "flight-delay")
    for binary in (True, False):
        inputs = []
        for name, values, datatype in (("carrier", np.array(["UA"], object), "BYTES"),
                                       ("delay", np.array([1.5]), "FP64"), ("hour", np.array([12]), "INT64")):
            inputs.append(InferInput(name=name, shape=list(values.shape), datatype=datatype))
            inputs[-1].set_data_from_numpy(values, binary_data=binary)
        request = InferRequest("flight-delay", inputs, request_id="y")
        answer = await server.infer(base, request, model_name="flight-delay")
        assert answer.id == "y" and answer.model_name == "flight-delay"
        found = {one.name: one.as_numpy() for one in answer.outputs}
        assert found["prediction"].shape == (1,) and 0 <= found["score"][0] <= 1, found
    print("well")

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    field = Airfield.at(tmp_path_factory.mktemp("field"))
    field.serve(field.register("train_with_words"))
    with serving(field, "--sample", "0") as server:
        yield server.until_ready()


def asked(server, program, *requirements):
    python = python_with(*requirements)
    done = subprocess.run(
        [python, "-c", program, f"127.0.0.1:{server.port}"], capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["well"]), done.stderr[-3000:]


def test_the_client_of_triton_is_understood(server):
    asked(server, TRITON, "tritonclient[http]==2.73.0", "setuptools<81")


def test_the_client_of_kserve_is_understood(server):
    asked(server, KSERVE, "kserve==0.21.0")


def test_nothing_that_our_own_page_allows_or_forbids_breaks_the_server(server, tmp_path):
    """Whatever is sent, the answer is one that the page names, and never a fault of the server."""
    program = python_with("schemathesis==4.32.5").parent / "schemathesis"
    command = [program, "run", f"http://127.0.0.1:{server.port}/openapi.json", "--max-examples", "100", "--seed", "11"]
    fair = ["--exclude-checks", "positive_data_acceptance"]  # a model may refuse a row that any JSON schema allows
    done = subprocess.run([*command, *fair], cwd=tmp_path, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
    until(server.ready)
    assert server.process.poll() is None
    assert not [line for line in server.lines if line["event"] in ("a predictor ended", "predict failed")]
