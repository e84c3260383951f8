"""The OpenAPI 3.1 document of the service, made from the contract."""

from __future__ import annotations

import re
from typing import Any

from .contract import Contract, Entry, Field
from .problems import MEDIA_TYPE
from .reading import media_types
from .writing import JSON, answer_types

_SCHEMAS: dict[str, dict[str, Any]] = {
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "string": {"type": "string"},
    "datetime": {"type": "string"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string"},
    "duration": {"type": "string", "format": "duration"},
    "decimal": {"type": "string", "pattern": r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"},
    "bytes": {"type": "string", "contentEncoding": "base64"},
    "any": {},
}
_REFUSALS = {
    400: "The body is not what its content type says",
    406: "None of the accepted content types is offered",
    413: "The body, or its number of rows, is too large",
    415: "The content type is not accepted",
    422: "The rows break the contract; `errors` says where",
    500: "The notebook's code failed; the log has the reason under the `id`",
}
_ABOUT = (
    'Missing values are `null`; ±Infinity is `"Infinity"` and `"-Infinity"`. '
    "Arrow and Parquet need pyarrow in the service's environment."
)


def openapi(contract: Contract) -> dict[str, Any]:
    """The document as JSON-able values, the same for the same contract."""
    schemas: dict[str, Any] = {"Problem": _problem_schema()}
    paths: dict[str, Any] = {}
    for route, entry in contract.routes().items():
        schemas[f"{entry.name}_row"] = row_schema(entry)
        schemas[f"{entry.name}_prediction"] = prediction_schema(entry)
        paths[f"/{route}"] = {"post": _operation(route, entry)}
    description = "\n\n".join(part for part in (contract.description, _ABOUT) if part)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": contract.title or contract.name,
            "version": str(contract.metadata.get("version", "1.0.0")),
            "description": description,
        },
        "paths": {**paths, **_information_paths()},
        "components": {
            "schemas": schemas,
            "responses": {str(code): _refusal(text) for code, text in _REFUSALS.items()},
        },
    }


def row_schema(entry: Entry) -> dict[str, Any]:
    """JSON Schema of one row that the entry takes."""
    input_ = entry.input
    if input_.kind in ("frame", "arguments"):
        return _object_schema(input_.fields)
    schema = field_schema(input_.fields[0])
    return _nested(schema, input_.shape, input_.names)


def prediction_schema(entry: Entry) -> dict[str, Any]:
    """JSON Schema of one prediction."""
    output = entry.output
    if output.kind == "frame":
        return _object_schema(output.fields)
    schema = field_schema(output.fields[0]) if output.fields else {}
    return _nested(schema, output.shape if entry.aligned else (), output.names)


def field_schema(field: Field) -> dict[str, Any]:
    """JSON Schema of one value."""
    if field.type == "list":
        schema: dict[str, Any] = {"type": "array"}
        item = field_schema(field.items) if field.items else {}
        inner = field.shape if field.python == "ndarray" else ()
        schema["items"] = _nested(item, inner, ())
    elif field.type == "object":
        schema = _object_schema(field.fields) if field.fields else {"type": "object"}
    else:
        schema = {**_SCHEMAS[field.type], **_limits(field)}
    if field.type == "datetime" and field.dtype.startswith("datetime64[") and "," in field.dtype:
        schema["format"] = "date-time"
    if field.dtype == "category" and field.categories is not None:
        schema["enum"] = [*field.categories, *([None] if field.nullable else [])]
    if field.nullable and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    if notes := _notes(field):
        schema["description"] = notes
    if not field.required and field.default is not None:
        schema["default"] = field.default
    if field.example is not None:
        schema["examples"] = [field.example]
    return schema


def _notes(field: Field) -> str:
    """What is known of the values, but not held against a caller."""
    notes = []
    if field.type == "datetime":
        zoned = "," in field.dtype
        notes.append(f"ISO 8601 date and time {'with' if zoned else 'without'} zone")
        if not field.dtype.startswith("datetime64"):
            notes = ["ISO 8601 date and time"]
    if field.type == "time":
        notes.append("ISO 8601 time")
    if field.minimum is not None and field.maximum is not None:
        notes.append(f"observed: {field.minimum} to {field.maximum}")
    if field.categories is not None and field.dtype != "category":
        notes.append("known values: " + ", ".join(map(str, field.categories)))
    return "; ".join(notes)


def _limits(field: Field) -> dict[str, Any]:
    """What the dtype of an integer can hold."""
    match = re.fullmatch(r"(u?)int(8|16|32|64)", field.dtype.lower())
    if field.type != "integer" or not match:
        return {}
    bits = int(match[2])
    if match[1]:
        return {"minimum": 0, "maximum": 2**bits - 1}
    return {"minimum": -(2 ** (bits - 1)), "maximum": 2 ** (bits - 1) - 1}


def _object_schema(fields: tuple[Field, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {field.name: field_schema(field) for field in fields},
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }


def _nested(
    schema: dict[str, Any], shape: tuple[int, ...], names: tuple[Any, ...]
) -> dict[str, Any]:
    for size in reversed(shape):
        schema = {"type": "array", "items": schema, "minItems": size, "maxItems": size}
    if names and shape:
        schema["description"] = "in order: " + ", ".join(map(str, names))
    return schema


def _operation(route: str, entry: Entry) -> dict[str, Any]:
    row = {"$ref": f"#/components/schemas/{entry.name}_row"}
    predictions = {"$ref": f"#/components/schemas/{entry.name}_prediction"}
    batch = {
        "type": "object",
        "properties": {"instances": {"type": "array", "items": row}},
        "required": ["instances"],
    }
    bodies: dict[str, Any] = {
        name: {"schema": {"type": "string"}} if name.startswith("text/") else {}
        for name in media_types(entry.input, arrow=True)
    }
    bodies[JSON] = {"schema": {"anyOf": [batch, row]}}
    answers: dict[str, Any] = {
        name: {"schema": {"type": "string"}} if name.startswith("text/") else {}
        for name in answer_types(arrow=True)
    }
    answers[JSON] = {
        "schema": {
            "type": "object",
            "properties": {"predictions": {"type": "array", "items": predictions}},
            "required": ["predictions"],
        }
    }
    return {
        "operationId": route,
        "summary": (entry.doc or f"Predictions of {entry.call}").split("\n", 1)[0],
        "description": entry.doc,
        "requestBody": {"required": True, "content": bodies},
        "responses": {
            "200": {
                "description": "One prediction for each row, in order"
                if entry.aligned
                else "One prediction for all rows together",
                "headers": {
                    "Prediction-Dtype": {
                        "description": "dtype of the answer in Python",
                        "schema": {"type": "string"},
                    }
                },
                "content": answers,
            },
            **{str(code): {"$ref": f"#/components/responses/{code}"} for code in _REFUSALS},
        },
    }


def _refusal(text: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text, "content": {MEDIA_TYPE: {"schema": schema}}}


def _problem_schema() -> dict[str, Any]:
    violation = {
        "type": "object",
        "properties": {
            "row": {"type": "integer", "minimum": 0},
            "field": {"type": "string"},
            "message": {"type": "string"},
        },
        "required": ["row", "field", "message"],
    }
    return {
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {"type": "array", "items": violation},
            "id": {"type": "string"},
        },
        "required": ["type", "title", "status", "detail"],
    }


def _information_paths() -> dict[str, Any]:
    def get(name: str, text: str, media_type: str = JSON) -> dict[str, Any]:
        answer = {"description": text, "content": {media_type: {}}}
        return {"operationId": name, "summary": text, "responses": {"200": answer}}

    ready = get("readyz", "The model is loaded and has answered")
    ready["responses"]["503"] = _refusal("Not ready yet")
    return {
        "/healthz": {"get": get("healthz", "The process is alive")},
        "/readyz": {"get": ready},
        "/metrics": {"get": get("metrics", "Prometheus metrics", "text/plain")},
        "/metadata": {"get": get("metadata", "Names, versions, hashes, provenance, proof")},
        "/openapi.json": {"get": get("openapi", "This document")},
    }
