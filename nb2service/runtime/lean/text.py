"""Vectorizers of texts: their own counting, with the analyzer made once."""

from __future__ import annotations

from typing import Any

from .known import Form, Matrix, Step, Texts, Unknown, bare, transformer


@transformer("CountVectorizer", "HashingVectorizer", "TfidfVectorizer")
def _vectorizer(model: Any, form: Form) -> tuple[Step, Form]:
    if not isinstance(form, Texts):
        raise Unknown("a vectorizer of something else than texts")
    analyzer = model.build_analyzer()
    own = bare(model, build_analyzer=lambda: analyzer).transform
    words = getattr(model, "vocabulary_", None)  # none where words are hashed
    return own, Matrix(model.n_features if words is None else len(words), sparse=True)
