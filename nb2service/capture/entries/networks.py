"""PyTorch networks: called with tensors, they are no entries themselves but in a function."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from .servable import own_names


def is_network(value: Any) -> bool:
    """Whether a value is a PyTorch module that has learnt something; a loss has no parameters."""
    nn = getattr(sys.modules.get("torch"), "nn", None)
    return nn is not None and isinstance(value, nn.Module) and any(True for _ in value.parameters())


def networks_in(namespace: Mapping[str, Any]) -> list[str]:
    """Names of the networks that are no part of another one, the last bound first."""
    held = [name for name in own_names(namespace) if is_network(namespace[name])]
    inner = {id(part) for name in held for part in list(namespace[name].modules())[1:]}
    return [name for name in reversed(held) if id(namespace[name]) not in inner]


def network_line(name: str, namespace: Mapping[str, Any]) -> str:
    """The function to write for a network."""
    aliases = [
        alias
        for alias, value in namespace.items()
        if isinstance(value, ModuleType) and value.__name__ == "torch"
    ]
    torch = aliases[0] if aliases else "__import__('torch')"
    rows = f"{torch}.tensor(rows, dtype={torch}.float32)"
    return f"def predict(rows): return {name}({rows}).detach().numpy()"


__all__ = ["is_network", "network_line", "networks_in"]
