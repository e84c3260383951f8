"""The service answers as the notebook did, and refuses what breaks its contract.

``cases/<entry>.json`` holds what the notebook answered when the service was made; ``conftest.py``
has the fixtures. Each test runs once for every entry.
"""

import json

import pytest


def test_answers_as_the_notebook_did(replayed):
    """The recorded rows in one request, one by one, and as CSV where CSV can carry them."""
    assert replayed.total > 0
    assert not replayed.differences, "\n".join(map(str, replayed.differences))


def test_a_row_needs_no_wrapping(client, entry, case):
    """A single row object gets one prediction, in the same shape."""
    rows = case["instances"]
    bare = entry.row_wise and isinstance(rows[0], dict)
    answer = client.post(f"/{entry.name}", json=rows[0] if bare else {"instances": rows})
    assert answer.status_code == 200, answer.text
    assert len(answer.json["predictions"]) == (1 if bare else len(case["batch"]))


def test_what_breaks_the_contract_is_refused(client, entry, case):
    """422, and the answer names the row and the field."""
    for problem, field, row in broken_rows(entry, case["instances"][0]):
        answer = client.post(f"/{entry.name}", json={"instances": [row]})
        assert answer.status_code == 422, (problem, answer.text)
        assert answer.mimetype == "application/problem+json"
        assert [(error["row"], error["field"]) for error in answer.json["errors"]] == [(0, field)]


def broken_rows(entry, row):
    """Rows with one fault each: what is wrong, the field that must be named, the row."""
    if entry.input.kind not in ("frame", "arguments"):
        return
    yield "unknown field", "no_such_field", {**row, "no_such_field": 1}
    for field in entry.input.fields:
        if field.required:
            rest = {name: value for name, value in row.items() if name != field.name}
            yield "missing field", field.name, rest
        if field.type not in ("any", "object"):
            yield "wrong type", field.name, {**row, field.name: {"not": f"a {field.type}"}}
        if not field.nullable and field.type != "any":
            yield "null", field.name, {**row, field.name: None}


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"<rows/>", "application/xml", 415),
    ],
)
def test_other_bodies_are_refused(client, entry, body, content_type, status):
    """What cannot be read gets a problem document, never a stack trace."""
    answer = client.post(f"/{entry.name}", data=body, content_type=content_type)
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    assert answer.json["status"] == status


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_is_up(client, path):
    """The pages that need no input."""
    assert client.get(path).status_code == 200


def test_describes_itself(client, contract):
    """OpenAPI and metadata tell of every entry."""
    document = client.get("/openapi.json").json
    assert json.dumps(document)
    assert {f"/{name}" for name in contract.routes()} <= document["paths"].keys()
    assert contract.name in client.get("/metadata").text
