"""The Flask application: routes, errors, and one log line for each request."""

from __future__ import annotations

import json
import logging
import re
import uuid
from time import perf_counter
from typing import Any, TextIO, cast

from flask import Flask, Response, g, request
from flask.logging import wsgi_errors_stream
from werkzeug.exceptions import HTTPException

from .endpoint import Endpoint, NotebookCodeError
from .metrics import Metrics
from .openapi import openapi
from .problems import MEDIA_TYPE, Problem
from .service import Service
from .settings import Settings, read_settings
from .writing import json_bytes

log = logging.getLogger(__package__)
_SANE_ID = re.compile(r"[\w.:/+=-]{1,128}")


def create_app(settings: Settings | None = None, warm: bool = True) -> Flask:
    """The application, with the notebook's code and model loaded.

    Args:
        settings: by default those of the environment.
        warm: call each entry once before returning; if not, whoever serves the application must
            call ``app.extensions["service"].warm()``, and it is not ready until then.

    Raises:
        LoadError: the notebook's code or an artifact does not load.
        SettingError: an environment variable has a value that it cannot have.
    """
    settings = settings or read_settings()
    _log_to_stderr(settings.log_level)
    service = Service(settings.max_batch)
    if others := service.other_versions():
        log.warning(
            "%s", _line({"event": "other versions than the notebook's", "versions": others})
        )
    app = Flask(__package__ or __name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body
    app.extensions["service"] = service
    metrics = Metrics()
    for route, endpoint in service.endpoints.items():
        _add_entry(app, route, endpoint)
    _add_information(app, service, metrics)
    _add_errors(app)
    _add_request_log(app, metrics)
    if warm:
        service.warm()
    return app


def _add_entry(app: Flask, route: str, endpoint: Endpoint) -> None:
    def predict() -> Response:
        g.entry = endpoint.entry.name
        body = request.get_data(cache=False)
        if request.content_length is None and len(body) >= app.config["MAX_CONTENT_LENGTH"]:
            # A chunked body is cut at the limit without an error.
            raise Problem(413, "the body is too large")
        answer = endpoint.answer(
            body,
            request.headers.get("Content-Type", ""),
            request.headers.get("Accept", ""),
        )
        g.answer = answer
        return Response(answer.body, 200, answer.headers, content_type=answer.content_type)

    app.add_url_rule(f"/{route}", f"predict:{route}", predict, methods=["POST"])


def _add_information(app: Flask, service: Service, metrics: Metrics) -> None:
    document = json_bytes(openapi(service.contract))

    @app.get("/healthz")
    def healthz() -> Response:
        return _json(b'{"status":"alive"}')

    @app.get("/readyz")
    def readyz() -> Response:
        if not service.ready:
            # Without Retry-After: waiting will not help.
            raise Problem(
                503, service.reason, headers={} if service.failed else {"Retry-After": "1"}
            )
        return _json(b'{"status":"ready"}')

    @app.get("/metrics")
    def show_metrics() -> Response:
        return Response(metrics.render(), content_type=metrics.content_type)

    @app.get("/openapi.json")
    def show_openapi() -> Response:
        return _json(document)

    @app.get("/metadata")
    def show_metadata() -> Response:
        return _json(json_bytes(service.metadata()))


def _json(body: bytes) -> Response:
    return Response(body, content_type="application/json")


def _add_errors(app: Flask) -> None:
    @app.errorhandler(Problem)
    def refuse(problem: Problem) -> Response:
        return Response(problem.to_json(), problem.status, problem.headers, content_type=MEDIA_TYPE)

    @app.errorhandler(HTTPException)
    def refuse_http(error: HTTPException) -> Response:
        details = {
            404: f"there is no {request.path}",
            405: f"{request.path} takes no {request.method}",
        }
        code = error.code or 500
        headers = {name: value for name, value in error.get_headers() if name == "Allow"}
        return refuse(Problem(code, details.get(code, error.description or ""), None, headers))

    @app.errorhandler(Exception)
    def fail(error: Exception) -> Response:
        cause = error.__cause__ if isinstance(error, NotebookCodeError) else None
        event = "notebook code failed" if cause else "service failed"
        log.error("%s", json.dumps({"event": event, "id": g.id}), exc_info=cause or error)
        detail = "the notebook's code failed on this input" if cause else "the service failed"
        return refuse(Problem(500, f"{detail}; the log says why under the id {g.id}", {"id": g.id}))


def _add_request_log(app: Flask, metrics: Metrics) -> None:
    @app.before_request
    def begin() -> None:
        sent = request.headers.get("X-Request-Id", "")
        g.id = sent if _SANE_ID.fullmatch(sent) else uuid.uuid4().hex
        g.begin = perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.id
        seconds = perf_counter() - g.begin
        line: dict[str, Any] = {
            "id": g.id,
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "ms": {"total": round(seconds * 1000, 3)},
        }
        entry = g.get("entry")
        if entry is None:  # probes and scrapes would drown the requests that matter
            quiet = response.status_code < 400 or request.path == "/readyz"
            log.log(logging.DEBUG if quiet else logging.INFO, "%s", _line(line))
            return response
        answer = g.get("answer")
        line["entry"] = entry
        line["rows"] = answer.rows if answer else 0
        line["ms"].update(answer.milliseconds if answer else {})
        model = answer.milliseconds["model"] / 1000 if answer else None
        metrics.observe(entry, response.status_code, seconds, line["rows"], model)
        log.info("%s", _line(line))
        return response


def _line(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)


def _log_to_stderr(level: str) -> None:
    log.setLevel(level)
    if not log.handlers:
        handler = logging.StreamHandler(cast(TextIO, wsgi_errors_stream))
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)
        log.propagate = False
