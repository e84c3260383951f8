"""The OpenAPI 3.1 document of the service, made from the contract."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from .codec.parsing import DECIMAL
from .codec.reading import MULTIPART, media_types
from .codec.writing import BYTES, CSV, JSON, JSON_LINES, answer_types, is_raw
from .contract import Contract, Entry, Field, Input, compact
from .problems import MEDIA_TYPE

# Without years and months, which have no fixed length.
_DURATION = (
    r"^[+-]?P(?=[0-9T])([0-9]+W)?([0-9]+D)?"
    r"(T(?=[0-9])([0-9]+H)?([0-9]+M)?([0-9]+(\.[0-9]{1,9})?S)?)?$"
)
_SCHEMAS: dict[str, dict[str, Any]] = {
    "integer": {"type": "integer"},
    "number": {"anyOf": [{"type": "number"}, {"enum": ["Infinity", "-Infinity"]}]},
    "boolean": {"type": "boolean"},
    "string": {"type": "string"},
    "datetime": {
        "type": "string",
        "anyOf": [{"format": "date-time-local"}, {"format": "date-time"}],
    },
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "anyOf": [{"format": "time-local"}, {"format": "time"}]},
    "duration": {"type": "string", "pattern": _DURATION},
    "decimal": {"type": ["string", "number"], "pattern": f"^({DECIMAL})$"},
    "bytes": {"type": "string", "contentEncoding": "base64"},
    "any": {},
}
_REFUSALS = {
    400: "The body is not what its content type says",
    401: "No API key, or one that is not known or no longer good",
    403: "The service has no keys and answers its own machine alone",
    406: "None of the accepted content types is offered",
    413: "The body, or its number of rows, is too large",
    415: "The content type is not accepted",
    422: "The rows break the contract; `errors` says where",
    429: "This caller has asked as often as it may; try again later",
    500: "The notebook's code failed; the log has the reason under the `id`",
    503: "Too many requests wait already, or it took too long; try again later",
}
# Of what is asked for without a body.
_ACCESS = (401, 403, 429)
_SCHEMES = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
}
_FORMS = (
    "As JSON: `instances` with a list of rows, a bare list of rows, or one row; also MLflow's "
    "`dataframe_records`, `dataframe_split` and `inputs`. As JSON lines: a row a line. As CSV, "
    "Arrow or Parquet: a column a name, lists and objects as JSON in a CSV cell."
)
_UPLOADS = (
    " As a form (multipart/form-data): a part for each argument, a file as it is (an array as an "
    "`.npy` file); several parts of one name are several rows."
)
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
        # Whether a key is needed is a setting of each deployment.
        "security": [{}, *({name: []} for name in _SCHEMES)],
        "paths": {**paths, **_information_paths()},
        "components": {
            "securitySchemes": _SCHEMES,
            "schemas": schemas,
            "responses": {str(code): _refusal(code, text) for code, text in _REFUSALS.items()},
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
        return _object_schema(tuple(map(_answered, output.fields)))
    schema = _opened(field_schema(_answered(output.fields[0]))) if output.fields else {}
    return _nested(schema, output.shape if entry.aligned else (), output.names)


def _opened(schema: Any) -> Any:
    """The schema with further members in its objects: what was seen may not be all there is."""
    if isinstance(schema, list):
        return [_opened(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {k: v for k, v in schema.items() if k != "additionalProperties" or v is not False}
    return {key: _opened(value) for key, value in kept.items()}


def _answered(field: Field) -> Field:
    """Any number may turn out to be NaN, whatever the examples gave."""
    return replace(
        field,
        nullable=field.nullable or field.type == "number",
        items=field.items and _answered(field.items),
        fields=tuple(map(_answered, field.fields)),
    )


def field_schema(field: Field) -> dict[str, Any]:
    """JSON Schema of one value."""
    if field.type == "list":
        schema: dict[str, Any] = {"type": "array"}
        item = field_schema(field.items) if field.items else {}
        inner = field.shape if field.python == "ndarray" else ()
        schema["items"] = _nested(item, inner, ())
    elif field.type == "object" and field.items:
        schema = {"type": "object", "additionalProperties": field_schema(field.items)}
    elif field.type == "object":
        schema = _object_schema(field.fields) if field.fields else {"type": "object"}
    else:
        schema = {**_SCHEMAS[field.type], **_limits(field)}
    if field.type == "datetime" and (field.zone or field.dtype.startswith("datetime64[")):
        local = "," not in field.dtype and field.zone in ("", "naive")
        schema = {"type": "string", "format": "date-time-local" if local else "date-time"}
    if _is_closed(field):
        schema["enum"] = list(field.categories or ())
    if field.nullable:
        schema = _or_null(schema)
    if notes := _notes(field):
        schema["description"] = notes
    if not field.required and field.default is not None:
        schema["default"] = field.default
    if field.example is not None:
        schema["examples"] = [field.example]
    return schema


def _is_closed(field: Field) -> bool:
    """Whether no value is taken but the categories: of a dtype, a Literal, an enumeration."""
    return field.categories is not None and field.dtype in ("", "category")


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    made = dict(schema)
    if "enum" in made:
        made["enum"] = [*made["enum"], None]
    if "type" in made:
        types = made["type"] if isinstance(made["type"], list) else [made["type"]]
        made["type"] = [*types, "null"]
    if "anyOf" in made:
        made["anyOf"] = [*made["anyOf"], {"type": "null"}]
    return made


def _notes(field: Field) -> str:
    """What is known of the values, but not held against a caller."""
    notes = []
    if field.type == "datetime":
        zone = "with" if "," in field.dtype else "without"
        notes.append(f"{zone} zone" if field.dtype.startswith("datetime64") else "ISO 8601")
    if field.minimum is not None and field.maximum is not None:
        notes.append(f"observed: {field.minimum} to {field.maximum}")
    if field.type == "bytes":
        notes.append("an image file, as base64" if field.python == "image" else "a file, as base64")
    if field.zone not in ("", "naive"):
        notes.append(f"taken to the zone {field.zone}")
    if field.categories is not None and not _is_closed(field):
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
        limits = {"minItems": size, "maxItems": size} if size >= 0 else {}
        schema = {"type": "array", "items": schema, **limits}
    if names and shape:
        schema["description"] = "in order: " + ", ".join(map(str, names))
    return schema


def _operation(route: str, entry: Entry) -> dict[str, Any]:
    row = {"$ref": f"#/components/schemas/{entry.name}_row"}
    rows = {"type": "array", "items": row}
    batch = {"type": "object", "properties": {"instances": rows}, "required": ["instances"]}
    bodies: dict[str, Any] = {name: {} for name in media_types(entry.input, arrow=True)}
    for name in bodies.keys() & {CSV, JSON_LINES}:
        bodies[name] = {"schema": rows}
    bodies[JSON] = {"schema": {"anyOf": [batch, rows, row]}}
    if MULTIPART in bodies:
        bodies[MULTIPART] = {"schema": _upload_schema(entry.input)}
    return {
        "operationId": route,
        "tags": ["predictions"],
        # For the page that makes a form of it: what JSON Schema has no words for.
        "x-contract": {
            "entry": entry.name,
            "input": compact(entry.input),
            "output": compact(entry.output),
            "aligned": entry.aligned,
            "row_wise": entry.row_wise,
        },
        "summary": (entry.doc or f"Predictions of {entry.call}").split("\n", 1)[0],
        "description": entry.doc,
        "requestBody": {
            "description": _FORMS + (_UPLOADS if MULTIPART in bodies else ""),
            "required": True,
            "content": bodies,
        },
        "responses": {
            "200": _predictions(entry),
            **{str(code): {"$ref": f"#/components/responses/{code}"} for code in _REFUSALS},
        },
    }


def _upload_schema(input_: Input) -> dict[str, Any]:
    """One row as a form: a part for each argument, of those that may be files the file itself."""
    file = {"type": "string", "contentMediaType": "application/octet-stream"}
    parts = {f.name or "file": file if f.is_file else field_schema(f) for f in input_.fields}
    needed = [field.name or "file" for field in input_.fields if field.required]
    return {"type": "object", "properties": parts, "required": needed}


def _predictions(entry: Entry) -> dict[str, Any]:
    predictions = {
        "type": "array",
        "items": {"$ref": f"#/components/schemas/{entry.name}_prediction"},
    }
    answers: dict[str, Any] = {name: {} for name in answer_types(arrow=True)}
    if is_raw(entry.output):
        answers[BYTES] = {"schema": {"type": "string", "contentMediaType": BYTES}}
    answers[CSV] = {"schema": {"type": "string"}}
    answers[JSON_LINES] = {"schema": predictions}
    answers[JSON] = {
        "schema": {
            "type": "object",
            "properties": {"predictions": predictions},
            "required": ["predictions"],
        }
    }
    about = "One prediction for each row, in order"
    return {
        "description": about if entry.aligned else "One prediction for all rows together",
        "headers": {
            "Prediction-Dtype": _header("dtype of the answer in Python"),
            **_IDENTIFIED,
        },
        "content": answers,
    }


def _header(text: str, type_: str = "string") -> dict[str, Any]:
    return {"description": text, "schema": {"type": type_}}


_IDENTIFIED = {"X-Request-Id": _header("The request's own, or a new one; the log has it too")}


def _refusal(code: int, text: str) -> dict[str, Any]:
    headers = dict(_IDENTIFIED)
    if code == 401:
        headers["WWW-Authenticate"] = _header("Bearer, and what is wrong with the key")
    if code in (429, 503):
        headers["Retry-After"] = _header("Seconds to wait, if waiting helps", "integer")
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text, "headers": headers, "content": {MEDIA_TYPE: {"schema": schema}}}


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
    needed = {str(code): {"$ref": f"#/components/responses/{code}"} for code in _ACCESS}

    def get(
        name: str, text: str, refusals: dict[str, Any] = needed, media_type: str = JSON
    ) -> dict[str, Any]:
        answer = {"description": text, "headers": _IDENTIFIED, "content": {media_type: {}}}
        about: dict[str, Any] = {"operationId": name, "tags": ["service"], "summary": text}
        if refusals is not needed:
            about["security"] = []
        return {**about, "responses": {"200": answer, **refusals}}

    loading = {"503": _refusal(503, "Not ready yet")}
    return {
        "/healthz": {"get": get("healthz", "The process is alive", {})},
        "/readyz": {"get": get("readyz", "The model is loaded and has answered", loading)},
        "/metrics": {"get": get("metrics", "Prometheus metrics", media_type="text/plain")},
        "/metadata": {"get": get("metadata", "Names, versions, hashes, provenance, proof")},
        "/openapi.json": {"get": get("openapi", "This document")},
    }
