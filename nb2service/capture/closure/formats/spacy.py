"""spaCy: a pipeline as one file, and the components that the notebook itself registered."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from .part import NOTEBOOK_MODULES, Part

_OPTIONS = ("default_config", "assigns", "requires", "retokenizes", "default_score_weights")


def language(value: Any, _: Sequence[Any]) -> Part:
    """A pipeline: its bytes, its configuration, and what makes its components."""
    registry = sys.modules["spacy"].registry
    own = []
    modules = set()
    for name in value.component_names:
        factory = value.get_pipe_meta(name).factory
        meta = value.get_factory_meta(factory)
        options = {option: getattr(meta, option) for option in _OPTIONS}
        maker, pipe = registry.factories.get(factory), value.get_pipe(name)
        if maker.__module__ in NOTEBOOK_MODULES:
            own.append((factory, "factory", maker, options))
        elif getattr(pipe, "__module__", "") in NOTEBOOK_MODULES and hasattr(pipe, "__name__"):
            chosen = ("assigns", "requires", "retokenizes")
            own.append((factory, "component", pipe, {name: options[name] for name in chosen}))
        else:
            modules |= {maker.__module__, type(pipe).__module__} - {"builtins"}
    details = (value.config.to_str(), own)
    return Part("spacy", ".spacy", value.to_bytes(), "spacy", details, frozenset(modules))
