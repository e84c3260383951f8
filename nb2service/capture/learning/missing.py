"""What to say where no example was found: what the entry wants, and how to go on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import ContractError, ExampleError, Nb2ServiceError
from ..entries.estimators import feature_names
from ..entries.find import EntryRequest
from ..entries.networks import is_network, network_line
from ..entries.servable import Servable
from ..entries.signatures import is_model, own_parameters, required_parameters
from .own_rows import forecast_refusal


def network_refusal(request: EntryRequest, namespace: Mapping[str, Any]) -> ContractError | None:
    """The function to write for a PyTorch network, which no request can ask itself."""
    if request.method or not is_network(request.value):
        return None
    return ContractError(
        f"{request.expression}: PyTorch takes tensors, requests hold rows",
        "serve a function that makes the tensor and returns an array:\n    "
        + network_line(request.expression, namespace),
        request.cell,
    )


def _unfinished(request: EntryRequest, refusals: Sequence[Nb2ServiceError]) -> ExampleError | None:
    """What to say of a model that no rows suit: it cannot predict, or its fit broke off."""
    if refusals and all("raised NotImplementedError" in e.message for e in refusals):
        return ExampleError(
            f"entry {request.name!r}: {type(request.value).__name__} does not implement it",
            "serve another model, or a function that answers from this one",
            request.cell,
        )
    lacks = rf"'{type(request.value).__name__}' object has no attribute '(\w+_)'"
    found = [re.search(f"NotFittedError|AttributeError: {lacks}", e.message) for e in refusals]
    if not is_model(request) or not found or not all(found):
        return None
    learnt = next((f"it lacks {match[1]}" for match in found if match and match[1]), "")
    return ExampleError(
        f"{request.variable} is not fitted to its end: {learnt or 'a part of it is not fitted'}",
        "run the cell that fits it, and mend it first if it raises",
        request.cell,
    )


def nothing_found(
    request: EntryRequest,
    refusals: Sequence[Nb2ServiceError],
    functions: Sequence[Servable],
    misfit: int,
) -> ExampleError:
    """What is missing; ``misfit`` is the service-example cell that does not fit, if any."""
    if unfinished := _unfinished(request, refusals):
        return unfinished
    names, width = feature_names(request.value), getattr(request.value, "n_features_in_", None)
    shape = "EXPR"
    if not is_model(request):
        wanted = [p.name for p in own_parameters(request)]
        wants = f"; it takes {', '.join(wanted)}" if wanted else ""
        required = required_parameters(request)
        if len(required) > 1:
            shape = f"dict({', '.join(f'{name}=…' for name in required)})"
    elif names:
        shown = ", ".join(names[:30]) + (", …" if len(names) > 30 else "")
        wants = f"; it wants rows with the columns {shown}"
    else:
        wants = f"; it wants rows of {width} numbers" if width is not None else ""
    first = f"the example of cell [{misfit}] does not fit" if misfit else "what was tried first"
    tried = f" ({first}: {refusals[0].message})" if refusals else ""
    if error := forecast_refusal(request):
        return error
    # Where a function makes the model's rows, they are in no name of the notebook.
    instead = [f"\n    %deploy {f.expression}" for f in functions[:3]] if is_model(request) else []
    or_serve = ", or serve what makes the rows and asks the model:" if instead else ""
    return ExampleError(
        f"no example input for entry {request.name!r} is in the notebook{wants}{tried}",
        f'give one: --example "{shape}", or tag the cell that holds one service-example'
        + "".join([or_serve, *instead]),
        request.cell,
    )
