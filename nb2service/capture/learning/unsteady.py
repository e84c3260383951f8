"""Why an entry answers the same input differently: by what one call was seen to do, never guessed.

Around one more call, the states of the generators of random numbers and the values that the entry
reaches are compared, and the functions that it calls are noted. Where the answers are equal once
the generators are set back, nothing else is the cause.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import pickle
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

from .calling import Caller

# Functions of the operating system and its clock, and what asking them means.
_CLOCK = {
    "now", "utcnow", "today", "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter",
    "perf_counter_ns", "localtime", "gmtime", "strftime",
}  # fmt: skip
_DATES = {"now", "utcnow", "today"}
_RANDOM_MODULES = ("keras", "tensorflow", "jax")
_FROM_SYSTEM = "draws from the operating system's random numbers (an unseeded generator)"
# What is done on the way to something else, and is not said beside it.
_WITHIN = [
    ("makes a new id (uuid.uuid4)", _FROM_SYSTEM),
    ("draws random numbers with keras", "draws random numbers with tensorflow"),
]
_UNSEEDED = "seed what it draws from (random_state=0, numpy.random.default_rng(0))"


@dataclass(frozen=True)
class Reason:
    """One thing that makes answers differ.

    Attributes:
        kind: ``randomness``, ``time``, ``network``, ``state`` or ``process``.
        what: what the entry does, in words.
        mend: how to make it repeat.
    """

    kind: str
    what: str
    mend: str


def reasons(call: Caller, ask: Callable[[], Any]) -> list[Reason]:
    """Why two answers to the same input differ; none where nothing was seen.

    Args:
        call: the entry.
        ask: gives its answer to the same input once more, in a form that can be compared.
    """
    reached = dict(_reached(call))
    before = _states(reached)
    with _noted_calls() as seen:
        ask()
    after = _states(dict(_reached(call)))
    changed = [name for name in before if before[name] != after.get(name)]
    draws = [name for name in changed if name in _GENERATORS or _is_generator(reached.get(name))]
    found = [_draw(name, reached) for name in draws]
    if found and _repeats_when_set_back(draws, reached, ask):
        return _training(reached) or found
    asked = {reason.what: reason for reason in map(_asked, sorted(seen)) if reason}
    for outer, inner in _WITHIN:
        if outer in asked:
            asked.pop(inner, None)
    found += asked.values()
    if not any(reason.kind == "time" for reason in found) and (date := asks_for_the_date(call)):
        found.append(_time(date))
    found += [_state(name, reached[name]) for name in changed if name not in draws]
    return list(dict.fromkeys([*_training(reached), *found]))


def asks_for_the_date(call: Caller) -> str:
    """The function by which the notebook's own code asks for the date, ``datetime.now``; or ""."""
    for function in (value for _, value in _reached(call) if isinstance(value, FunctionType)):
        for code in _codes(function.__code__):
            for owner in set(code.co_names) & function.__globals__.keys():
                module = getattr(function.__globals__[owner], "__module__", None)
                name = getattr(function.__globals__[owner], "__name__", "")
                if module == "datetime" or name in ("datetime", "pandas"):
                    for asked in sorted(_DATES & set(code.co_names)):
                        return f"{owner}.{asked}"
    return ""


# --- what the entry reaches


def _reached(call: Caller) -> Iterator[tuple[str, Any]]:
    """The entry's function, and the notebook's values that it reads, by name."""
    function = call.function
    todo: list[tuple[str, Any]] = [(call.request.name, function)]
    todo.append((call.request.variable, getattr(function, "__self__", None)))
    seen: set[int] = set()
    while todo:
        name, value = todo.pop()
        value = getattr(value, "__func__", value)
        if value is None or id(value) in seen or isinstance(value, ModuleType):
            continue
        seen.add(id(value))
        yield name, value
        if isinstance(value, type) and value.__module__ == "__main__":
            todo += [(name, item) for item in vars(value).values() if callable(item)]
        elif type(value).__module__ == "__main__":
            todo.append((type(value).__name__, type(value)))
        function = getattr(value, "__wrapped__", value)
        if isinstance(function, FunctionType):
            todo += _read_by(function, call.namespace)


def _read_by(function: FunctionType, namespace: Mapping[str, Any]) -> list[tuple[str, Any]]:
    if function.__globals__ is not namespace and function.__module__ != "__main__":
        return []
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    found = [(name, function.__globals__[name]) for name in names & function.__globals__.keys()]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # has no value yet
            found.append((name, cell.cell_contents))
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


# --- states before and after


_GENERATORS: dict[str, tuple[str, str, Callable[[], Any], Callable[[Any], None], str]] = {
    "random ": (
        "random",
        "Python's random module",
        random.getstate,
        random.setstate,
        "draw from a generator of its own: random.Random(0), made within the entry",
    ),
    "numpy ": (
        "numpy",
        "numpy's global generator",
        lambda: sys.modules["numpy"].random.get_state(),
        lambda state: sys.modules["numpy"].random.set_state(state),
        _UNSEEDED + ", within the entry",
    ),
    "torch ": (
        "torch",
        "torch's global generator",
        lambda: sys.modules["torch"].get_rng_state().tolist(),
        lambda state: sys.modules["torch"].set_rng_state(sys.modules["torch"].ByteTensor(state)),
        "call torch.manual_seed(0) within the entry",
    ),
}


def _states(reached: Mapping[str, Any]) -> dict[str, bytes]:
    """A mark of each generator's state and of each value's."""
    found = {
        key: pickle.dumps(get())
        for key, (module, _, get, _, _) in _GENERATORS.items()
        if module in sys.modules
    }
    for name, value in reached.items():
        if isinstance(value, FunctionType | type):
            continue
        try:
            found[name] = pickle.dumps(value)
        # Pickling is the value's own code; what it cannot pickle is told from another by its words.
        except Exception:
            found[name] = repr(getattr(value, "__dict__", value)).encode()
    return found


def _is_generator(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        kinds = (numpy.random.Generator, numpy.random.RandomState, numpy.random.BitGenerator)
        if isinstance(value, kinds):
            return True
    return isinstance(value, random.Random)


def _repeats_when_set_back(
    draws: list[str], reached: Mapping[str, Any], ask: Callable[[], Any]
) -> bool:
    """Whether answers are equal when the generators have the same states before them."""
    states = {name: _GENERATORS[name][2]() for name in draws if name in _GENERATORS}
    own = {name: copy.deepcopy(reached[name]) for name in draws if name not in _GENERATORS}
    answers = []
    for _ in range(2):
        for name, state in states.items():
            _GENERATORS[name][3](state)
        for name, generator in own.items():
            _set_back(reached[name], copy.deepcopy(generator))
        answers.append(ask())
    return bool(answers[0] == answers[1])


def _set_back(generator: Any, other: Any) -> None:
    if isinstance(generator, random.Random):
        generator.setstate(other.getstate())
    elif hasattr(generator, "set_state"):
        generator.set_state(other.get_state())
    else:
        bits = getattr(generator, "bit_generator", generator)
        bits.state = getattr(other, "bit_generator", other).state


# --- in words


def _draw(name: str, reached: Mapping[str, Any]) -> Reason:
    if name in _GENERATORS:
        _, what, _, _, mend = _GENERATORS[name]
        return Reason("randomness", f"draws random numbers from {what}", mend)
    made = f"{name} = numpy.random.default_rng(0)"
    made = f"{name} = random.Random(0)" if isinstance(reached[name], random.Random) else made
    return Reason(
        "randomness",
        f"draws random numbers from {name}, which goes on from call to call",
        f"make the generator within the entry: {made}",
    )


def _state(name: str, value: Any) -> Reason:
    if hasattr(value, "__next__"):
        what = f"takes the next item of {name}, which runs out"
        return Reason("state", what, f"make {name} within the entry, or a list of it")
    return Reason(
        "state",
        f"changes {name}, which the next call finds changed",
        f"let the entry work on a copy, or return what it would note in {name}",
    )


def _training(reached: Mapping[str, Any]) -> list[Reason]:
    """Modules of torch that draw because they were left in training mode."""
    torch = sys.modules.get("torch")
    if torch is None:
        return []
    found = []
    for name, value in reached.items():
        if isinstance(value, torch.nn.Module) and value.training:
            kinds = {type(part).__name__ for part in value.modules() if part.training}
            kinds = {kind for kind in kinds if "Dropout" in kind or kind == "RReLU"}
            if kinds:
                what = f"asks {name} in training mode, in which its {' and '.join(sorted(kinds))}"
                found.append(Reason("randomness", f"{what} draws at random", f"{name}.eval()"))
    return found


def _time(asked: str) -> Reason:
    return Reason("time", f"asks for the time ({asked})", "take the time as an argument")


def _asked(called: str) -> Reason | None:
    module, _, name = called.partition(":")
    if module in ("datetime", "time") and name.rpartition(".")[2] in _CLOCK:
        return _time(name if module == "datetime" else f"time.{name}")
    if (module, name) in (("socket", "socket.connect"), ("_socket", "socket.connect")):
        what = "asks another machine over the network"
        return Reason("network", what, "fetch it in a cell, and let the entry use what came")
    if module == "uuid" and name in ("uuid1", "uuid4"):
        return Reason("randomness", f"makes a new id (uuid.{name})", "take the id as an argument")
    if (module, name) == ("posix", "urandom"):
        return Reason("randomness", _FROM_SYSTEM, _UNSEEDED)
    if (module, name) == ("posix", "getpid"):
        return Reason("process", "uses the number of its process", "leave it out of the answer")
    if module.partition(".")[0] in _RANDOM_MODULES and "random" in module:
        library = module.partition(".")[0]
        mend = "call the model with training=False, or seed it within the entry"
        return Reason("randomness", f"draws random numbers with {library}", mend)
    return None


@contextlib.contextmanager
def _noted_calls() -> Iterator[set[str]]:
    """The functions that are called meanwhile, as ``module:name``."""
    seen: set[str] = set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call":
            owner = getattr(argument, "__self__", None)
            kind = owner if isinstance(owner, type) else type(owner)
            module = getattr(argument, "__module__", None) or kind.__module__
            seen.add(f"{module}:{getattr(argument, '__qualname__', '')}")
        elif event == "call":
            seen.add(f"{frame.f_globals.get('__name__', '')}:{frame.f_code.co_name}")

    before, collects = sys.getprofile(), gc.isenabled()
    gc.disable()  # what it finalizes, and who listens to it, is none of the entry's doing
    sys.setprofile(note)
    try:
        yield seen
    finally:
        sys.setprofile(before)
        if collects:
            gc.enable()


__all__ = ["Reason", "asks_for_the_date", "reasons"]
