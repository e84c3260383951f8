"""The distributions that the captured code and artifacts need, at the kernel's versions."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ...errors import RequirementsError
from ..model import CaptureWarning
from ..pins import Pin
from .editable import editable_around
from .imports import dispensable
from .licences import licence_of
from .locate import Installed, Location, Package, is_stdlib, locate
from .managers import managed
from .origins import on_this_machine_only, origin_of

WEB_LAYER = (
    "flask",
    "flask-swagger-ui",
    "gunicorn; sys_platform != 'win32'",
    "httptools; sys_platform != 'win32'",
    "msgspec",
    "prometheus-client",
    "pyrate-limiter",
)
"""What every generated service needs besides the notebook's own libraries."""


@dataclass(frozen=True)
class Requirements:
    """The pins, sorted by name, and what to know about them."""

    pins: tuple[Pin, ...]
    warnings: tuple[CaptureWarning, ...] = ()


def find_requirements(
    modules: Mapping[str, str],
    local: Collection[str],
    web: Sequence[str] = WEB_LAYER,
    sources: Iterable[str] = (),
) -> Requirements:
    """Pin what ``modules`` belong to, and all that those distributions ask for in turn.

    Args:
        modules: dotted name → why it is needed, in words (``imported by cell [2]``). A name may
            go beyond the module: ``sklearn.svm.SVC``.
        local: modules that travel as files; they and what lies in them are passed over.
        web: requirements of the web layer. Pins that only it needs are flagged ``web``.
        sources: the code, which tells modules that it can do without.

    Raises:
        RequirementsError: a module belongs to no distribution, or to one that can be had on
            this machine only.
    """
    installed = Installed()
    warnings = _about_python()
    reasons = _reasons(modules, local, sources, installed, warnings)
    layer = [Requirement(text) for text in web]
    layer = [r for r in layer if r.marker is None or r.marker.evaluate()]
    needed = _closure([Requirement(name) for name in sorted(reasons)], installed, warnings)
    served = _closure(layer, installed, warnings)
    for requirement in layer:
        reasons.setdefault(canonicalize_name(requirement.name), []).append("web layer")

    pins = []
    for name in sorted(needed | served):
        parents = (needed if name in needed else served)[name]
        via = [f"via {', '.join(sorted(parents))}"] if parents else []
        why = "; ".join(reasons.get(name, []) + via)
        package = installed.named(name)
        origin = origin_of(package, why, lambda *said: _warn(warnings, *said))
        asks_for = {other for found in (needed, served) for other in found if name in found[other]}
        pins.append(
            Pin(
                name, origin.version, why, name in reasons, name not in needed, origin.url,
                origin.index, licence_of(package.distribution), tuple(sorted(asks_for)),
            )
        )  # fmt: skip
    return Requirements(tuple(pins), tuple(warnings))


def add_requirements(pins: Sequence[Pin], modules: Mapping[str, str]) -> Requirements:
    """The pins, and what further modules belong to; warnings are those of the additions.

    Args:
        pins: as ``find_requirements`` found them.
        modules: dotted name → why it is needed, in words.

    Raises:
        RequirementsError: as ``find_requirements`` does.
    """
    found = find_requirements(modules, (), web=())
    known = {pin.name: pin for pin in pins}
    for pin in found.pins:
        if pin.name not in known:
            known[pin.name] = replace(pin, why=pin.why + _extra_of(pins, pin.name))
        elif known[pin.name].web:  # not of the web layer alone
            known[pin.name] = replace(known[pin.name], web=False)
    return Requirements(tuple(known[name] for name in sorted(known)), found.warnings)


def _reasons(
    modules: Mapping[str, str],
    local: Collection[str],
    sources: Iterable[str],
    installed: Installed,
    warnings: list[CaptureWarning],
) -> dict[str, list[str]]:
    """The distributions that modules belong to → why each is needed."""
    reasons: dict[str, list[str]] = {}
    for module, why in sorted(modules.items()):
        if _is_provided(module, local) or _is_namespace_of_others(module, modules):
            continue
        location = locate(module)
        top = module.partition(".")[0]
        if location is None and top not in sys.modules:
            if top not in dispensable(sources):
                _warn_missing(warnings, module, why)
            continue
        package = _owner(module, location, why, installed, warnings)
        known = reasons.setdefault(package.name, [])
        if not known:
            warnings += _changed_since_import(module, package)
        if why not in known:
            known.append(why)
    return reasons


def _extra_of(pins: Iterable[Pin], name: str) -> str:
    """The extra of a pinned distribution that would have brought another: ``; pandas[excel]``."""
    installed = Installed()
    for pin in pins:
        for text in () if pin.web else installed.named(pin.name).requires:
            asked = re.match(r"[\w.-]+", text)
            extra = re.search(r"\bextra\s*==\s*['\"]([\w.-]+)", text)
            if asked and extra and canonicalize_name(asked[0]) == name:
                return f"; {pin.name}[{extra[1]}]"
    return ""


def _about_python() -> list[CaptureWarning]:
    if sys.version_info.releaselevel == "final":
        return []
    return [
        CaptureWarning(
            f"the notebook runs Python {platform.python_version()}, which is not released yet",
            "packages may have no wheels for it, and images change: take a released Python",
        )
    ]


def _warn_missing(warnings: list[CaptureWarning], module: str, why: str) -> None:
    _warn(
        warnings,
        f"the module {module!r} ({why}) is not installed here: code that reaches its import fails "
        "in the service as it does in the notebook",
        f"install it if the service needs it: %pip install {module.partition('.')[0]}",
    )


def _owner(
    module: str,
    location: Location | None,
    why: str,
    installed: Installed,
    warnings: list[CaptureWarning],
) -> Package:
    """The distribution that installed the module."""
    if location is None:
        raise RequirementsError(
            f"the module {module!r} ({why}) was made while the notebook ran: it has no file",
            "write what is needed of it into a cell, or into a .py file beside the notebook",
        )
    owners = installed.owners(location)
    if not owners:
        raise _no_distribution(location, why)
    if len(owners) > 1:
        names = " and ".join(sorted(f"{each.name} {each.version}" for each in owners))
        top = module.partition(".")[0]
        _warn(
            warnings,
            f"{names} are installed over each other: both have {top}; the requirements name "
            f"{owners[0].name} {owners[0].version}",
            "uninstall both, install the one that is wanted, and restart the kernel",
        )
    return owners[0]


def _closure(
    roots: Iterable[Requirement], installed: Installed, warnings: list[CaptureWarning]
) -> dict[str, set[str]]:
    """Every distribution that the roots lead to → those that ask for it."""
    parents: dict[str, set[str]] = {}
    seen: set[tuple[str, str]] = set()
    queue: list[tuple[Requirement, str]] = [(root, "") for root in roots]
    while queue:
        requirement, parent = queue.pop()
        try:
            package = installed.named(requirement.name)
        except KeyError:
            if not parent:
                raise RequirementsError(
                    f"{requirement.name} is not installed in the notebook's environment",
                    f"every service needs it: %pip install {requirement.name}",
                ) from None
            _warn(warnings, f"{parent} asks for {requirement}, which is not installed here")
            continue
        if not _fits(package.version, requirement):
            _warn(
                warnings,
                f"{parent} asks for {requirement.name}{requirement.specifier}, but "
                f"{package.version} is installed",
                "pip may refuse this combination: install one that fits, then run again",
            )
        parents.setdefault(package.name, set()).update({parent} - {"", package.name})
        for extra in ("", *requirement.extras):
            if (package.name, extra) not in seen:
                seen.add((package.name, extra))
                queue += [(r, package.name) for r in _asked_for(package, extra, warnings)]
    return parents


def _asked_for(
    package: Package, extra: str, warnings: list[CaptureWarning]
) -> Iterator[Requirement]:
    for text in package.requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            _warn(warnings, f"{package.name} asks for {text!r}, which is not a valid requirement")
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def _fits(version: str, requirement: Requirement) -> bool:
    try:
        return requirement.specifier.contains(version, prereleases=True)
    except InvalidVersion:  # from before versions had rules: nothing can be said
        return True


def _is_provided(module: str, local: Collection[str]) -> bool:
    if is_stdlib(module):
        return True
    parts = module.split(".")
    return any(".".join(parts[:end]) in local for end in range(1, len(parts) + 1))


def _is_namespace_of_others(module: str, modules: Collection[str]) -> bool:
    """Whether it is no more than the folder that other needed modules share (``google``)."""
    location = locate(module)
    if location is None or location.file is not None:
        return False
    return any(other.startswith(module + ".") for other in modules)


def _changed_since_import(module: str, package: Package) -> list[CaptureWarning]:
    top = module.partition(".")[0]
    # Not getattr: several packages warn when they are asked for this attribute.
    loaded = getattr(sys.modules.get(top), "__dict__", {}).get("__version__")
    try:
        same = loaded is None or Version(str(loaded)).public == Version(package.version).public
    except InvalidVersion:
        same = True
    if same:
        return []
    return [
        CaptureWarning(
            f"the notebook runs {top} {loaded}, but {package.name} {package.version} is "
            f"installed, and the requirements name that",
            "if you have just installed it: restart the kernel and run the notebook again",
        )
    ]


def _no_distribution(location: Location, why: str) -> RequirementsError:
    """Why the module cannot be installed elsewhere."""
    name, file = location.name, location.file
    if file is None:
        return RequirementsError(
            f"the module {name!r} ({why}) belongs to no installed distribution: it is a namespace "
            "without code of its own",
            "import the module that you use by its full name",
        )
    if editable := editable_around(file):
        return on_this_machine_only(*editable, why)
    if package := managed(file):
        return RequirementsError(
            f"the module {name!r} ({why}) is of the {package.manager} package {package.name}, "
            "which does not say what its name is where pip installs from",
            f"install it with pip in place of the {package.manager} package; restart the kernel",
        )
    archive = next((parent for parent in file.parents if parent.is_file()), None)
    return RequirementsError(
        f"the module {name!r} ({why}) belongs to no installed distribution: its file is {file}",
        f"unpack {archive.name} beside the notebook, so that its modules travel with the service"
        if archive
        else "put it beside the notebook, so that it travels with the service, or install it "
        "as a package from an index or a git URL",
    )


def _warn(warnings: list[CaptureWarning], message: str, hint: str = "") -> None:
    warning = CaptureWarning(message, hint)
    if warning not in warnings:
        warnings.append(warning)
