"""What every answer tells browsers: how to treat it, and which other sites may read it."""

from __future__ import annotations

from collections.abc import Iterable

Headers = tuple[tuple[str, str], ...]

_ALWAYS: Headers = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
# Data has nothing to load or to run, whoever opens it in a browser.
SECURITY: Headers = (
    *_ALWAYS,
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'self'"),
    ("Cache-Control", "no-store"),
)
# Pages load what is ours, and show what the person has chosen. JupyterLab frames them.
PAGE: Headers = (
    *_ALWAYS,
    (
        "Content-Security-Policy",
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'self'",
    ),
    ("Cache-Control", "no-cache"),
)

_NOTHING: Headers = ()
_VARY: Headers = (("Vary", "Origin"),)
_EXPOSED = "Prediction-Dtype, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
_PREFLIGHT: Headers = (
    ("Access-Control-Allow-Methods", "GET, POST"),
    (
        "Access-Control-Allow-Headers",
        "Accept, Authorization, Content-Type, X-API-Key, X-Request-Id, traceparent, tracestate",
    ),
    ("Access-Control-Max-Age", "600"),
)


class Cors:
    """Which pages of other sites may read answers (``CORS_ORIGINS``)."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origins)
        self.on = bool(self._origins)

    def headers(self, origin: str, asks_for: str) -> Headers:
        """For the answer to a request.

        Args:
            origin: of the page that sent it; "" if none did.
            asks_for: the method that a preflight request asks for; "" if it is none.
        """
        if not self.on:
            return ()
        if "*" in self._origins:
            allowed, vary = "*", _NOTHING
        else:
            allowed, vary = origin if origin in self._origins else "", _VARY
        if not (origin and allowed):
            return vary
        told = _PREFLIGHT if asks_for else (("Access-Control-Expose-Headers", _EXPOSED),)
        return (*vary, ("Access-Control-Allow-Origin", allowed), *told)
