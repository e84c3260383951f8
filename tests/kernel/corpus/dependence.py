"""Every way in which Python lets code depend on something."""

from __future__ import annotations

from .book import Book, call

BOOKS = [
    Book(
        "a closure made by a factory",
        """
        def make(threshold):
            def inner(x):
                # above the threshold?
                return x > threshold
            return inner
        ---
        predict = make(2)
        """,
        (call(), call("predict(x=1)", x=1)),
        line='%deploy predict --example "dict(x=3)"',
        present=("# above the threshold?",),
    ),
]
