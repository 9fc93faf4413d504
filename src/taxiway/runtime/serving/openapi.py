"""The description of the paths that predict, which do not go through FastAPI, as OpenAPI wants it."""

import copy
from typing import Any

from taxiway.core.training import ModelRef
from taxiway.runtime.serving.inputs import kind_of

_REASON = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
_REFUSALS = {
    "400": "The request does not fit the model; the reason says where.",
    "401": "No token that is known.",
    "404": "No such model or version.",
    "408": "The body did not come in time.",
    "413": "The body is too long.",
    "415": "The body is compressed.",
    "429": "Too many requests wait already.",
    "500": "The model failed.",
    "503": "No version is ready.",
    "504": "The deadline of the request is over.",
}


def _operation(name: str, request: str, response: str, summary: str, parameters: tuple[str, ...]) -> dict[str, Any]:
    answers: dict[str, Any] = {status: {"description": why, "content": _REASON} for status, why in _REFUSALS.items()}
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{response}"}}}
    if request == "InferRequest":
        content["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
    answers["200"] = {"description": "The predictions.", "content": content}
    return {
        "post": {
            "tags": ["predict"],
            "operationId": name,
            "summary": summary,
            "parameters": [
                *({"name": one, "in": "path", "required": True, "schema": {"type": "string"}} for one in parameters),
                _header("x-taxiway-key", "Requests of the same key go to the same version.", {"type": "string"}),
                _header("x-taxiway-timeout", "Seconds after which nobody waits for the answer.", _SECONDS),
                _header("x-request-id", "The request's own name; given back.", {"type": "string"}),
            ],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{request}"}}},
            },
            "responses": answers,
        }
    }


_SECONDS = {"type": "number", "minimum": 1}
"""Less is taken, too, and then seldom enough."""


def _header(name: str, words: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": words, "schema": schema}


_TENSOR = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1},
        "datatype": {"type": "string"},
        "data": {"type": "array", "items": {}},
        "parameters": {"type": "object"},
    },
}
_COLUMNS = {"type": "object", "additionalProperties": {"type": "array", "items": {}, "minItems": 1}}
PREDICTIONS: dict[str, Any] = {
    "paths": {
        "/predict": _operation("predict", "PredictRequest", "PredictResponse", "Predict from named columns", ()),
        "/v2/models/{model}/infer": _operation(
            "infer", "InferRequest", "InferResponse", "Predict from tensors", ("model",)
        ),
        "/v2/models/{model}/versions/{version}/infer": _operation(
            "infer_version",
            "InferRequest",
            "InferResponse",
            "Predict from tensors with one version",
            ("model", "version"),
        ),
    },
    "schemas": {
        "Refusal": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}},
        "PredictRequest": {
            "oneOf": [
                {
                    "type": "object",
                    "required": ["rows"],
                    "properties": {
                        "id": {"type": "string"},
                        "rows": {"type": "array", "items": {"type": "object"}, "minItems": 1},
                    },
                },
                {
                    "type": "object",
                    "required": ["columns"],
                    "properties": {"id": {"type": "string"}, "columns": _COLUMNS},
                },
            ]
        },
        "PredictResponse": {
            "type": "object",
            "required": ["model", "version", "predictions"],
            "properties": {
                "id": {"type": "string"},
                "model": {"type": "string"},
                "version": {"type": "integer"},
                "predictions": {"type": "array", "items": {}},
                "scores": {"type": "array", "items": {}},
                "classes": {"type": "array", "items": {}},
            },
        },
        "InferRequest": {
            "type": "object",
            "required": ["inputs"],
            "properties": {
                "id": {"type": "string"},
                "parameters": {"type": "object"},
                "inputs": {"type": "array", "items": _TENSOR, "minItems": 1},
                "outputs": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {"name": {"type": "string"}, "parameters": {"type": "object"}},
                    },
                },
            },
        },
        "InferResponse": {
            "type": "object",
            "required": ["model_name", "outputs"],
            "properties": {
                "id": {"type": "string"},
                "model_name": {"type": "string"},
                "model_version": {"type": "string"},
                "outputs": {"type": "array", "items": _TENSOR},
            },
        },
    },
}


_JSON_TYPES = {"number": ["number", "null"], "truth": ["boolean", "number", "null"], "text": ["string", "null"]}


def complete(schema: dict[str, Any], model: ModelRef | None) -> dict[str, Any]:
    """FastAPI's description with the paths that predict, and with the columns of the model that answers now."""
    whole = copy.deepcopy(schema)
    added = copy.deepcopy(PREDICTIONS)
    whole["paths"].update(added["paths"])
    whole.setdefault("components", {}).setdefault("schemas", {}).update(added["schemas"])
    if model is None:
        return whole
    for path in whole["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "model" and parameter["in"] == "path":
                    parameter["schema"] = {"type": "string", "enum": [model.name]}
    columns = {one.name: {"type": _JSON_TYPES.get(kind_of(one.dtype), ["string", "null"])} for one in model.inputs}
    if columns:
        row = {"type": "object", "required": list(columns), "properties": columns}
        rows, by_column = whole["components"]["schemas"]["PredictRequest"]["oneOf"]
        rows["properties"]["rows"]["items"] = row
        lists = {name: {"type": "array", "items": kind, "minItems": 1} for name, kind in columns.items()}
        by_column["properties"]["columns"] = {"type": "object", "required": list(columns), "properties": lists}
    return whole
