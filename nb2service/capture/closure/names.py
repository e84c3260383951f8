"""What code reads, from its bytecode: scope is the compiler's answer, never ours."""

from __future__ import annotations

import bisect
import dis
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType
from typing import Any

_LOADS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
_ATTRIBUTES = {"LOAD_ATTR", "LOAD_METHOD"}
# `df.query("age > @limit")`: pandas looks the name up in the calling frame.
_QUERY_NAME = re.compile(r"(?<![\w.@])@([^\W\d]\w*)")
_CALL_DETAILS = {"PUSH_NULL", "NOP", "CACHE"}
_SAME_CALLS = {"LOAD_METHOD": "LOAD_ATTR", "CALL_METHOD": "CALL_FUNCTION"}
_JUMPS = {*dis.hasjrel, *dis.hasjabs}
_OPTIMIZED, _HAS_DOCSTRING = 0x1, 0x4000000
# Generator, coroutine, *args …: what a call does. The others tell how the code was compiled.
_CALL_FLAGS = 0x04 | 0x08 | 0x20 | 0x80 | 0x200


@dataclass
class Reads:
    """The global names that a piece of module code reads.

    Attributes:
        eager: names needed when the code runs.
        late: names that the functions defined in it read when called.
        quoted: names behind an ``@`` in its strings; they may be no names at all.
        attributes: chains of attributes that start at a global, ``("sklearn", "svm", "SVC")``.
        modules: modules that it imports, at top level or inside functions.
    """

    eager: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    quoted: set[str] = field(default_factory=set)
    attributes: set[tuple[str, ...]] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)


def read_code(code: CodeType) -> Reads:
    """What module code reads, nested functions and classes included."""
    reads = Reads()
    _read(code, reads, runs=True)
    return reads


class CodeKey:
    """Equal for code objects that do the same, wherever they were compiled.

    The bytes alone are too strict: calls of an attribute compile differently where the same unit
    of source imports the name (a notebook runs statement by statement, a script as a whole).
    """

    def __init__(self, code: CodeType) -> None:
        self._code = code
        self._facts = (
            code.co_name,
            tuple(_constant_key(constant) for constant in code.co_consts),
            code.co_names,
            code.co_varnames,
            code.co_freevars,
            code.co_cellvars,
            code.co_argcount,
            code.co_posonlyargcount,
            code.co_kwonlyargcount,
            code.co_flags & _CALL_FLAGS,
        )

    def __hash__(self) -> int:
        return hash(self._facts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CodeKey) or self._facts != other._facts:
            return False
        return self._code.co_code == other._code.co_code or self._steps == other._steps

    @cached_property
    def _steps(self) -> list[tuple[str, Any]]:
        """The instructions without what depends on how attributes are called."""
        kept = [i for i in dis.get_instructions(self._code) if i.opname not in _CALL_DETAILS]
        # A jump to an instruction left out goes to the next one that is kept.
        starts = [instruction.offset for instruction in kept]

        def argument(step: dis.Instruction) -> Any:
            if step.opcode in _JUMPS:
                return bisect.bisect_left(starts, step.argval)
            # Nested functions are compared among the constants.
            return "" if isinstance(step.argval, CodeType) else repr(step.argval)

        return [(_SAME_CALLS.get(i.opname, i.opname), argument(i)) for i in kept]


def code_key(code: CodeType) -> CodeKey:
    """What a code object does, to be compared with another."""
    return CodeKey(code)


def nested_codes(code: CodeType) -> Iterator[CodeType]:
    """``code`` and every code object inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from nested_codes(constant)


def stores(code: CodeType) -> set[str]:
    """The variables of enclosing functions that ``code`` assigns (``nonlocal``)."""
    return {
        instruction.argval
        for nested in nested_codes(code)
        for instruction in dis.get_instructions(nested)
        if instruction.opname == "STORE_DEREF" and instruction.argval in code.co_freevars
    }


def _read(code: CodeType, reads: Reads, runs: bool) -> None:
    names = reads.eager if runs else reads.late
    stored: set[str] = set()
    chain: tuple[str, ...] = ()
    imported = ""
    constants: list[Any] = []
    for instruction in dis.get_instructions(code):
        opname, argument = instruction.opname, instruction.argval
        if opname in _ATTRIBUTES and chain:
            chain += (argument,)
            reads.attributes.add(chain)
            continue
        chain = ()
        if opname in _LOADS:
            # A name that a class body or module has bound itself is not read from outside.
            if opname == "LOAD_GLOBAL" or argument not in stored:
                names.add(argument)
            chain = (argument,)
        elif opname == "STORE_NAME":
            stored.add(argument)
        elif opname == "IMPORT_NAME":
            imported = argument
            if constants[-2:-1] != [0] and not _is_absolute(constants):
                imported = ""
            elif imported:
                reads.modules.add(imported)
        elif opname == "IMPORT_FROM" and f"{imported}.{argument}" in sys.modules:
            reads.modules.add(f"{imported}.{argument}")
        if opname in ("LOAD_CONST", "LOAD_SMALL_INT"):
            constants.append(argument)
    _read_constants(code, reads, runs)


def _is_absolute(constants: list[Any]) -> bool:
    """Whether the import level, loaded just before the list of names, is 0."""
    return len(constants) < 2 or constants[-2] == 0


def _read_constants(code: CodeType, reads: Reads, runs: bool) -> None:
    documented = sys.version_info < (3, 13) or bool(code.co_flags & _HAS_DOCSTRING)
    is_def = bool(code.co_flags & _OPTIMIZED) and not code.co_name.startswith("<")
    for position, constant in enumerate(code.co_consts):
        if isinstance(constant, CodeType):
            _read(constant, reads, runs and _runs_at_once(constant))
        elif isinstance(constant, str) and not (position == 0 and is_def and documented):
            reads.quoted.update(_QUERY_NAME.findall(constant))


def _runs_at_once(code: CodeType) -> bool:
    """Class bodies and comprehensions run where they stand; functions and lambdas do not."""
    is_class = not code.co_flags & _OPTIMIZED
    return is_class or (code.co_name.startswith("<") and code.co_name != "<lambda>")


def _constant_key(constant: Any) -> Any:
    if isinstance(constant, CodeType):
        return code_key(constant)
    if isinstance(constant, tuple):
        return (tuple, tuple(_constant_key(item) for item in constant))
    if isinstance(constant, frozenset):
        return (frozenset, tuple(sorted(map(repr, constant))))
    return (type(constant), repr(constant))


__all__ = ["CodeKey", "Reads", "code_key", "nested_codes", "read_code", "stores"]
