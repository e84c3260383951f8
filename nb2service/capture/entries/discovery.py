"""What to serve when nobody said it: the one model or function, the chosen one, or a question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import EntryError
from ...notebook.cells import Notebook
from ...notebook.statements import Statement
from ..model import CaptureWarning
from . import question
from .binding import Binding
from .estimators import is_estimator, is_fitted, is_predictor, labels_only
from .evidence import Ranked
from .functions import functions_in, lookalikes, predict_functions, reached_from
from .networks import network_line, networks_in
from .ranking import decide, rank
from .servable import Servable, estimators_in, models_in, own_names

# Functions of such a name that use the model are served in its place; a `score` often evaluates.
_WINNING = ("predict", "classify", "infer", "forecast", "recommend")


@dataclass(frozen=True)
class Choice:
    """What is to be served.

    Attributes:
        expression: of the model or function.
        notes: why it and no other one, if there were others.
    """

    expression: str
    notes: tuple[CaptureWarning, ...] = ()


@dataclass(frozen=True)
class Discovery:
    """Looks for what to serve in a live notebook.

    Attributes:
        namespace: the live namespace.
        notebook: its cells and its text.
        statements: of all cells.
        binding: finds which parameters of a function are captured values.
    """

    namespace: Mapping[str, Any]
    notebook: Notebook
    statements: Sequence[Statement]
    binding: Callable[[str, Callable[..., Any]], Binding]

    def choose(self) -> Choice:
        """The one thing to serve.

        Raises:
            EntryError: there is nothing, or more than one thing; the question to the person.
        """
        models = models_in(self.namespace, self.statements)
        functions = predict_functions(self.namespace, self.statements)
        # What a function does around its model (encode, scale, decode) belongs to the answer.
        users = {f.expression: self.used_by(f, models) for f in functions}
        preferred = [
            f for f in functions if f.root.lower().startswith(_WINNING) and users[f.expression]
        ]
        # Several such functions leave the choice open; the bare model would be the wrong one.
        chosen = preferred or models or functions
        if len(chosen) == 1 and not self.lacks_its_model(chosen[0]):
            return Choice(chosen[0].expression)
        if len(models) < 2:
            raise self.ambiguous(models, functions, models)
        ranked = rank(models, users, self.namespace, self.notebook, self.statements)
        if not preferred and (best := decide(ranked)):
            notes = (_passed_over(best, ranked),) if len(ranked) > 1 else ()
            return Choice(best.servable.expression, notes)
        raise self.ambiguous(models, functions, [r for r in ranked if not r.toy] or ranked)

    def lacks_its_model(self, chosen: Servable) -> bool:
        """Whether only a scaler or encoder is fitted, and not the model that it prepares for."""
        transforms = is_estimator(chosen.value) and not is_predictor(chosen.value)
        return transforms and (
            any(is_predictor(c.value) for c in estimators_in(self.namespace))
            or bool(self.labellers())
        )

    def labellers(self) -> list[str]:
        """Clusterings that cannot say anything of new rows."""
        return [
            f"{name} is a {type(value).__name__}, which only labels the rows of its fit"
            for name in own_names(self.namespace)
            if labels_only(value := self.namespace[name])
        ]

    def used_by(self, function: Servable, models: Sequence[Servable]) -> list[Servable]:
        """The models that a function asks, whichever way it gets at them."""
        reached = reached_from(function.root, self.statements)
        try:
            reached |= set(self.binding(function.expression, function.value).bind.values())
        except EntryError:
            # What is called with one model after the other evaluates them, unless it predicts.
            if function.root.lower().startswith(_WINNING):
                raise
        return [
            model
            for model in models
            if any(
                name == model.root or self.namespace.get(name) is model.value for name in reached
            )
        ]

    def ambiguous(
        self,
        models: Sequence[Servable],
        functions: Sequence[Servable],
        shown: Sequence[Servable | Ranked],
    ) -> EntryError:
        """The question, or what to do where there is nothing to serve."""
        unfitted = [c.expression for c in estimators_in(self.namespace) if not is_fitted(c.value)]
        why = f" ({', '.join(unfitted)}: not fitted)" if unfitted else ""
        if len(models) == 1 and self.lacks_its_model(models[0]) and not functions:
            others = "".join(f"; {said}" for said in self.labellers())
            return EntryError(
                f"no fitted model that predicts was found{why}; {models[0].expression} transforms"
                + others,
                "run the cells that fit the model, or type" + self.lines(models),
            )
        if not models and not functions:
            return self.nothing(why)
        counts = [
            f"{len(found)} {what}{'s' if len(found) > 1 else ''}"
            for found, what in ((shown, "fitted model"), (functions, "predict function"))
            if found
        ]
        return EntryError(
            f"the notebook holds {' and '.join(counts)}: say what to serve",
            "type one of" + self.lines([*functions, *shown]),
        )

    def nothing(self, why: str) -> EntryError:
        """That nothing can be served, and why what looks like it cannot."""
        alike = [
            f"{s.expression} {said}" for s, said in lookalikes(self.namespace, self.statements)
        ]
        alike += self.labellers()
        but = f" ({'; '.join(alike)})" if alike else ""
        others = functions_in(self.namespace, self.statements)
        if networks := networks_in(self.namespace):
            return EntryError(
                f"{' and '.join(networks[:3])}: PyTorch takes tensors, requests hold rows",
                "serve a function that makes the tensor and returns an array:\n    "
                + network_line(networks[0], self.namespace),
            )
        return EntryError(
            f"nothing to serve was found: no fitted model{why}, no function named predict… "
            f"that answers{but}",
            "run the cells that fit the model or define the function, "
            "or tag the function's cell service-predict"
            + (", or type one of" + self.lines(others) if others else ""),
        )

    def lines(self, candidates: Sequence[Servable | Ranked]) -> str:
        """The candidates as commands."""
        return question.lines(candidates, self.statements)


def _passed_over(best: Ranked, ranked: Sequence[Ranked]) -> CaptureWarning:
    others = [r for r in ranked if r is not best]
    shown = [r.servable.expression for r in others[:5]] + ["…"] * (len(others) > 5)
    said = [reason.text for reason in best.decisive[:1]]
    said = said or [f"{r.servable.expression} was {r.toy}" for r in others[:1]]
    return CaptureWarning(
        f"{best.servable.expression} is served, one of {len(ranked)} fitted models: {said[0]}",
        f"another one: %deploy {' or '.join(shown)}",
    )


__all__ = ["Choice", "Discovery"]
