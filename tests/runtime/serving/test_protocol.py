"""What a server says to those who ask, by the Open Inference Protocol v2 and by named columns."""

import json
import re
import struct

import numpy as np
import pytest

from runtime.kit import flights
from runtime.serving.kit import ROW, SERVICE, serving
from taxiway.runtime.models import load_model

INFER = "/v2/models/flight-delay/infer"


@pytest.fixture(scope="module")
def version(own_field):
    return own_field.register()


@pytest.fixture(scope="module")
def server(own_field, version):
    own_field.serve(version)
    with serving(own_field, "--body-bytes", "100000", "--sample", "0") as server:
        yield server.until_ready()


def matrix(*rows, datatype="FP64", **more):
    data = [value for row in rows for value in row]
    return {"inputs": [tensor([len(rows), len(rows[0])], data, datatype)], **more}


def tensor(shape, data, datatype="FP64"):
    return {"name": "rows", "shape": shape, "datatype": datatype, "data": data}


def outputs(reply):
    return {one["name"]: one for one in reply.json["outputs"]}


def test_the_answers_are_those_of_the_registered_model(server, own_field, version, tmp_path):
    rows = flights(20)
    expected = load_model(version.model, own_field.place.store, tmp_path).predict(rows)
    reply = server.post("/predict", {"columns": rows.select("delay", "hour").to_dict(as_series=False)})
    assert reply.json["predictions"] == expected.values.tolist()
    np.testing.assert_allclose(reply.json["scores"], expected.scores, rtol=1e-12)
    tensors = outputs(server.post(INFER, matrix(*rows.select("delay", "hour").rows())))
    assert tensors["prediction"]["data"] == expected.values.tolist()
    np.testing.assert_allclose(tensors["score"]["data"], expected.scores, rtol=1e-12)


def test_rows_and_columns_by_name_are_the_same_question(server):
    rows = server.post("/predict", {"id": "mine", "rows": [ROW, {"hour": 3, "delay": -1.0, "extra": "ignored"}]})
    columns = server.post("/predict", {"columns": {"hour": [12, 3], "delay": [1.5, -1.0]}})
    assert rows.json["scores"] == columns.json["scores"]
    assert (rows.json["id"], rows.json["model"], rows.json["version"]) == ("mine", "flight-delay", 1)


def test_a_tensor_per_column_is_the_same_question_as_one_for_all(server):
    one = server.post(INFER, matrix([1.5, 12], [-1.0, 3], id="x"))
    several = server.post(
        INFER,
        {
            "inputs": [
                {"name": "hour", "shape": [2], "datatype": "INT64", "data": [12, 3]},
                {"name": "delay", "shape": [2, 1], "datatype": "FP64", "data": [[1.5], [-1.0]]},
            ]
        },
    )
    assert several.json["outputs"] == one.json["outputs"]
    assert (one.json["id"], one.json["model_name"], one.json["model_version"]) == ("x", "flight-delay", "1")


def test_only_the_outputs_asked_for_are_given(server):
    reply = server.post(INFER, matrix([1.5, 12], outputs=[{"name": "score"}]))
    assert [one["name"] for one in reply.json["outputs"]] == ["score"]


def test_bytes_in_and_out_are_the_binary_tensor_extension(server):
    values = np.array([[1.5, 12], [-1.0, 3]], "<f4").tobytes()
    asked = {
        "inputs": [
            {"name": "rows", "shape": [2, 2], "datatype": "FP32", "parameters": {"binary_data_size": len(values)}}
        ],
        "outputs": [{"name": "score", "parameters": {"binary_data": True}}, {"name": "prediction"}],
    }
    head = json.dumps(asked).encode()
    reply = server.post(INFER, head + values, Inference_Header_Content_Length=str(len(head)))
    assert reply.headers["content-type"] == "application/octet-stream"
    size = int(reply.headers["inference-header-content-length"])
    score, prediction = json.loads(reply.body[:size])["outputs"]
    assert score["parameters"] == {"binary_data_size": 16}
    assert prediction["data"] == [True, False]
    expected = outputs(server.post(INFER, matrix([1.5, 12], [-1.0, 3])))["score"]["data"]
    np.testing.assert_allclose(struct.unpack("<2d", reply.body[size:]), expected, rtol=1e-6)


def test_a_single_precision_tensor_means_what_it_can_hold(server):
    double, single = (outputs(server.post(INFER, matrix([0.1, 12], datatype=kind))) for kind in ("FP64", "FP32"))
    assert double["score"]["data"] != single["score"]["data"]
    np.testing.assert_allclose(double["score"]["data"], single["score"]["data"], rtol=1e-6)


def test_the_server_says_what_it_is_and_what_is_there(server, version):
    assert server.get("/v2").json["extensions"] == ["binary_tensor_data", "model_repository"]
    assert server.get("/v2/health/live").json == {"live": True}
    assert server.get("/v2/health/ready").json == {"ready": True}
    assert server.get("/v2/models/flight-delay/ready").json == {"name": "flight-delay", "ready": True}
    assert server.get("/v2/models/flight-delay/versions/1/ready").status == 200
    described = server.get("/v2/models/flight-delay/versions/1").json
    assert described == server.get("/v2/models/flight-delay").json
    assert described["inputs"] == [
        {"name": "delay", "datatype": "FP64", "shape": [-1]},
        {"name": "hour", "datatype": "INT64", "shape": [-1]},
    ]
    assert described["outputs"] == [
        {"name": "prediction", "datatype": "BOOL", "shape": [-1]},
        {"name": "score", "datatype": "FP64", "shape": [-1]},
    ]
    assert described["parameters"] == {"version": 1, "digest": version.model.digest, "service": SERVICE}
    index = [{"name": "flight-delay", "version": "1", "state": "READY", "reason": ""}]
    assert server.post("/v2/repository/index", {"ready": True}).json == index
    assert server.post("/v2/repository/index", None).json == index


def test_a_version_can_be_asked_by_its_number(server):
    path = "/v2/models/flight-delay/versions/{}/infer"
    assert server.post(path.format(1), matrix([1.5, 12])).status == 200
    assert server.post(path.format(7), matrix([1.5, 12])).json == {"error": "version 7 is not served here; there is 1"}
    assert server.post(path.format("one"), matrix([1.5, 12])).status == 404


def test_the_page_of_the_interface_names_every_path(server):
    page = server.get("/openapi.json").json
    assert {"/predict", INFER.replace("flight-delay", "{model}"), "/v2/health/ready", "/metrics"} <= page[
        "paths"
    ].keys()
    assert server.get("/docs").status == 200


def test_every_answer_says_which_version_gave_it_and_bears_a_name(server):
    first, second = server.predict(), server.predict(x_request_id="mine-7")
    assert first.version == 1
    assert first.headers["x-request-id"] != second.headers["x-request-id"] == "mine-7"


NOT_ANSWERED = [
    ("/predict", {"rows": [{"hour": 1}]}, 400, "column 'delay' is missing"),
    ("/predict", {"rows": [{"hour": 1, "delays": 2}]}, 400, "Did you mean 'delays'"),
    ("/predict", {"rows": [ROW, {"hour": 1}]}, 400, "missing in a row. Got row 2"),
    ("/predict", {"rows": [{"hour": "late", "delay": 1}]}, 400, "column 'hour': this is not a number"),
    ("/predict", {"rows": [{"hour": True, "delay": 1}]}, 400, "this is not a number"),
    ("/predict", {"rows": [{"hour": [1], "delay": 1}]}, 400, "this is not a number"),
    ("/predict", {"rows": [{"hour": None, "delay": 1}]}, 400, "cannot answer rows with missing values"),
    ("/predict", b'{"rows": [{"hour": NaN, "delay": 1}]}', 400, "NaN and Infinity are not JSON"),
    ("/predict", b'{"rows": [{"hour": 1e999, "delay": 1}]}', 400, "NaN and infinity are not numbers"),
    ("/predict", b'{"rows": [{"hour": 1' + b"0" * 400 + b', "delay": 1}]}', 400, ""),
    ("/predict", {"columns": {"hour": [1, 2], "delay": [1]}}, 400, "column 'hour' is of another length"),
    ("/predict", {"columns": {"hour": [], "delay": []}}, 400, "no rows"),
    ("/predict", {"columns": {"hour": 1, "delay": 2}}, 400, "lists of values"),
    ("/predict", {"rows": []}, 400, "not a list of objects"),
    ("/predict", {"rows": [1]}, 400, "not a list of objects"),
    ("/predict", {"rows": [ROW], "id": 7}, 400, "'id' is not text"),
    ("/predict", {"rows": [ROW], "columns": {}}, 400, "not a request"),
    ("/predict", [], 400, "not a request"),
    ("/predict", b"", 400, "not JSON"),
    ("/predict", b"\xff\xfe", 400, "not JSON"),
    ("/predict", b"[" * 100_000, 400, "not JSON"),
    (INFER, {}, 400, "there are no inputs"),
    (INFER, {"inputs": [7]}, 400, "an input is not a JSON object"),
    (INFER, matrix([1.5, 12, 3]), 400, "another width than the model has inputs"),
    (
        INFER,
        {"inputs": [tensor([2, 2], [1])]},
        400,
        "does not fit the shape",
    ),
    (INFER, {"inputs": [tensor([-1, 2], [1])]}, 400, "not a shape"),
    (INFER, {"inputs": [tensor([0, 2], [])]}, 400, "empty"),
    (
        INFER,
        {"inputs": [tensor([1, 2], [1, 2], "FP9")]},
        400,
        "no type of a tensor",
    ),
    (INFER, {"inputs": [tensor([1, 2], [1, 2], [])]}, 400, "datatype.*not text"),
    (INFER, matrix([1.5, 12], datatype="INT64"), 400, "not of type INT64"),
    (INFER, matrix([300, 12], datatype="UINT8"), 400, "too large for UINT8"),
    (INFER, matrix([1.5, 12], outputs=[{"name": "scores"}]), 400, "no output 'scores'.*Did you mean 'score'"),
    (INFER, matrix([1.5, 12], outputs=7), 400, "'outputs' is not a list"),
    (INFER, matrix([1.5, 12], id=7), 400, "id is not text"),
    (INFER, {"inputs": matrix([1.5, 12])["inputs"] * 2}, 400, ""),
    (INFER.replace("flight", "night"), matrix([1.5, 12]), 404, "there is flight-delay"),
    ("/predict", b" " * 100_001, 413, "longer than 100000 bytes"),
]


@pytest.mark.parametrize(("path", "body", "status", "reason"), NOT_ANSWERED)
def test_what_does_not_fit_is_answered_with_the_reason(server, path, body, status, reason):
    reply = server.post(path, body)
    assert reply.status == status, reply.body
    assert re.search(reason, reply.json["error"]), reply.json
    assert server.predict().status == 200


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({"Content-Encoding": "gzip"}, 415, "without a content-encoding"),
        ({"X-Taxiway-Timeout": "soon"}, 400, "number of seconds"),
        ({"X-Taxiway-Timeout": "-1"}, 400, "number of seconds"),
        ({"X-Taxiway-Timeout": "nan"}, 400, "number of seconds"),
        ({"Inference-Header-Content-Length": "-3"}, 400, "whole number"),
        ({"Inference-Header-Content-Length": "1e3"}, 400, "whole number"),
    ],
)
def test_headers_that_make_no_sense_are_answered_with_the_reason(server, headers, status, reason):
    reply = server.ask("POST", "/predict", {"rows": [ROW]}, headers)
    assert (reply.status, reason in reply.json["error"]) == (status, True), reply.json


@pytest.mark.parametrize(
    ("datatype", "data", "reason"),
    [
        ("FP64", np.array([np.nan, 1.0]).tobytes(), "NaN and infinity"),
        ("FP64", np.array([np.inf, 1.0]).tobytes(), "NaN and infinity"),
        ("FP64", np.array([1.0]).tobytes(), "bytes do not fit the shape"),
        ("FP64", np.array([1.0, 2.0, 3.0]).tobytes(), "bytes do not fit the shape"),
        ("BYTES", struct.pack("<I", 99) + b"abc", "bytes do not fit the shape"),
        ("BYTES", struct.pack("<I", 1) + b"\xff" + struct.pack("<I", 0), "not UTF-8"),
    ],
)
def test_bytes_that_are_no_tensor_are_answered_with_the_reason(server, datatype, data, reason):
    tensor = {"name": "x", "shape": [1, 2], "datatype": datatype, "parameters": {"binary_data_size": len(data)}}
    head = json.dumps({"inputs": [tensor]}).encode()
    reply = server.post(INFER, head + data, Inference_Header_Content_Length=str(len(head)))
    assert (reply.status, reason in reply.json["error"]) == (400, True), reply.json


def test_more_or_fewer_bytes_than_the_tensors_say_are_refused(server):
    tensor = {"name": "x", "shape": [1, 2], "datatype": "FP64", "parameters": {"binary_data_size": 16}}
    head = json.dumps({"inputs": [tensor]}).encode()
    values = np.array([1.0, 2.0]).tobytes()
    for body, reason in ((head + values + b"more", "more bytes"), (head + values[:8], "are not there")):
        reply = server.post(INFER, body, Inference_Header_Content_Length=str(len(head)))
        assert (reply.status, reason in reply.json["error"]) == (400, True), reply.json


def test_other_methods_are_refused(server):
    reply = server.get("/predict")
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert server.get(INFER).status == 405


def test_one_bad_request_does_not_hurt_those_it_is_answered_with(server):
    from concurrent.futures import ThreadPoolExecutor

    bodies = [{"rows": [ROW]}, {"rows": [{"hour": None, "delay": 1}]}, {"rows": [{"hour": 1}]}] * 30
    with ThreadPoolExecutor(30) as pool:
        statuses = list(pool.map(lambda body: server.post("/predict", body).status, bodies))
    assert statuses == [200, 400, 400] * 30


def test_nothing_is_kept_when_nothing_shall_be(server, own_field):
    assert server.predict().status == 200
    assert not [name for name in server.metrics() if name.startswith("taxiway_traffic_requests_total{")]
    assert not (own_field.place.folder / "store" / "traffic").exists()
