"""spaCy: a pipeline as one file, and the components that its configuration names."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from .part import Part


def language(value: Any, _: Sequence[Any]) -> Part:
    """A pipeline: its bytes, its configuration, and the makers of its components."""
    registry = sys.modules["spacy"].registry
    own = []
    modules = set()
    for name in value.component_names:
        maker = registry.factories.get(value.get_pipe_meta(name).factory)
        for made_by in (maker, value.get_pipe(name)):
            made_by = (
                made_by if callable(made_by) and hasattr(made_by, "__name__") else type(made_by)
            )
            if made_by.__module__ == "__main__" and "<locals>" not in made_by.__qualname__:
                own.append(made_by)  # loaded first, it registers itself again
            elif made_by.__module__ != "__main__":
                modules.add(made_by.__module__)
    details = (value.config.to_str(), own)
    return Part("spacy", ".spacy", value.to_bytes(), "spacy", details, frozenset(modules))
