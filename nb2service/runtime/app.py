"""The Flask application: all routes, and their errors.

It answers alike under any WSGI server. ``serve`` puts an event loop before it (``front``), which
answers the entries itself by the same parts and hands everything else to this application.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from . import observing
from .access.gate import VISIT, Gate
from .access.headers import PAGE, SECURITY
from .answers import Answer, Overload, TooLarge, refusal
from .batching import ThreadLine, is_full
from .codec import bounds
from .codec.writing import json_bytes
from .observing import log
from .openapi import openapi
from .pages import pages
from .problems import Problem
from .service import Service
from .settings import Settings, read_settings


def create_app(settings: Settings | None = None, warm: bool = True) -> Flask:
    """The application, with the notebook's code and model loaded.

    Callers from other machines need an API key, or ``ALLOW_ANONYMOUS``, under any server.

    Args:
        settings: by default those of the environment.
        warm: call each entry once before returning; if not, whoever serves the application must
            call ``app.extensions["service"].warm()``, and it is not ready until then.

    Raises:
        LoadError: the notebook's code or an artifact does not load.
        SettingError: an environment variable has a value that it cannot have.
    """
    settings = settings or read_settings()
    observing.log_to_stderr(settings.log_level)
    bounds.allow(settings.max_batch, settings.max_body)
    gate = Gate(settings)
    service = Service(settings)
    if others := service.other_versions:
        event = {"event": "other versions than the notebook's", "versions": others}
        log.warning("%s", json.dumps(event, ensure_ascii=False))
    app = Flask(__package__ or __name__, static_folder=None)
    # A chunked body is cut there without an error: one byte more tells that it was longer.
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body + 1
    app.extensions["service"] = service
    app.extensions["gate"] = gate
    _add_entries(app, service)
    _add_information(app, service)
    app.register_blueprint(pages)
    _add_errors(app, settings)
    _add_observing(app, service)
    _add_access(app, gate)
    if warm:
        service.warm()
    return app


def _add_entries(app: Flask, service: Service) -> None:
    lines = {
        endpoint: ThreadLine(endpoint, service.joined_rows(endpoint))
        for endpoint in service.endpoints.values()
    }
    for route, endpoint in service.endpoints.items():
        predict = _predict(lines[endpoint], list(lines.values()), service.settings)
        app.add_url_rule(f"/{route}", f"predict:{route}", predict, methods=["POST"])


def _predict(
    line: ThreadLine, lines: list[ThreadLine], settings: Settings
) -> Callable[[], Response]:
    endpoint = line.endpoint

    def predict() -> Response:
        if is_full(lines, settings.max_queue):
            raise Overload
        body = request.get_data(cache=False)
        if len(body) > settings.max_body:
            raise TooLarge(settings.max_body)
        call = endpoint.read(
            body,
            request.headers.get("Content-Type", ""),
            request.headers.get("Accept", ""),
            settings.deadline,
        )
        line.predict(call)
        return _respond(endpoint.write(call))

    return predict


def _respond(answer: Answer) -> Response:
    answer.describe(g.exchange)
    return Response(answer.body, answer.status, answer.headers, content_type=answer.content_type)


def _add_information(app: Flask, service: Service) -> None:
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
        return Response(observing.render(), content_type=observing.metrics.content_type)

    @app.get("/openapi.json")
    def show_openapi() -> Response:
        return _json(document)

    @app.get("/metadata")
    def show_metadata() -> Response:
        return _json(json_bytes(service.metadata()))


def _json(body: bytes) -> Response:
    return Response(body, content_type="application/json")


def _add_errors(app: Flask, settings: Settings) -> None:
    @app.errorhandler(Exception)
    def refuse(error: Exception) -> Response:
        return _respond(refusal(error, g.exchange.id))

    @app.errorhandler(HTTPException)
    def refuse_http(error: HTTPException) -> Response:
        details = {
            404: f"there is no {request.path}",
            405: f"{request.path} takes no {request.method}",
        }
        code = error.code or 500
        if code == 413:
            return refuse(TooLarge(settings.max_body))
        headers = {name: value for name, value in error.get_headers() if name == "Allow"}
        return refuse(Problem(code, details.get(code, error.description or ""), None, headers))


def _add_observing(app: Flask, service: Service) -> None:
    entries = {f"predict:{route}": item.entry.name for route, item in service.endpoints.items()}

    @app.before_request
    def begin() -> None:
        get = request.headers.get
        g.exchange = observing.arrive(
            request.method,
            request.path,
            get("X-Request-Id", ""),
            get("traceparent", ""),
            get("tracestate", ""),
        )
        if request.method == "POST":
            g.exchange.entry = entries.get(request.endpoint or "", "")

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.exchange.id
        g.exchange.status = response.status_code
        observing.depart(g.exchange)
        return response


def _add_access(app: Flask, gate: Gate) -> None:
    @app.before_request
    def look() -> None:
        get = request.headers.get
        # ``serve`` has looked already, before it read the body.
        g.visit = request.environ.get(VISIT) or gate.look(
            request.method,
            request.path,
            get("X-API-Key", ""),
            get("Authorization", ""),
            request.remote_addr or "",
            (get("Origin", ""), get("Access-Control-Request-Method", "")),
        )
        g.exchange.key = g.visit.key
        if g.visit.problem:
            if "uwsgi.version" in request.environ:  # it takes an unread body for the next request
                g.visit = replace(g.visit, headers=(*g.visit.headers, ("Connection", "close")))
            raise g.visit.problem

    @app.after_request
    def tell(response: Response) -> Response:
        for name, value in PAGE if request.blueprint == pages.name else SECURITY:
            response.headers.setdefault(name, value)
        response.headers.extend(g.visit.headers)
        return response
