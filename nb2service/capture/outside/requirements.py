"""The distributions that the captured code and artifacts need, at the kernel's versions."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ...errors import RequirementsError
from ..model import CaptureWarning, Pin
from .locate import Installed, Package, is_stdlib, locate, relative

WEB_LAYER = (
    "flask",
    "gunicorn; sys_platform != 'win32'",
    "httptools; sys_platform != 'win32'",
    "msgspec",
    "prometheus-client",
)
"""What every generated service needs besides the notebook's own libraries."""


@dataclass(frozen=True)
class Requirements:
    """The pins, sorted by name, and what to know about them."""

    pins: tuple[Pin, ...]
    warnings: tuple[CaptureWarning, ...] = ()


def find_requirements(
    modules: Mapping[str, str], local: Collection[str], web: Sequence[str] = WEB_LAYER
) -> Requirements:
    """Pin what ``modules`` belong to, and all that those distributions ask for in turn.

    Args:
        modules: dotted name → why it is needed, in words (``imported by cell [2]``). A name may
            go beyond the module: ``sklearn.svm.SVC``.
        local: modules that travel as files; they and what lies in them are passed over.
        web: requirements of the web layer. Pins that only it needs are flagged ``web``.

    Raises:
        RequirementsError: a module belongs to no distribution, or to one that can be had on
            this machine only.
    """
    installed = Installed()
    reasons: dict[str, list[str]] = {}
    warnings: list[CaptureWarning] = []
    for module, why in sorted(modules.items()):
        if _is_provided(module, local) or _is_namespace_of_others(module, modules):
            continue
        package = _owner(module, why, installed)
        known = reasons.setdefault(package.name, [])
        if not known:
            warnings += _changed_since_import(module, package)
        if why not in known:
            known.append(why)

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
        version, url = _pinned(installed.named(name), why, warnings)
        pins.append(Pin(name, version, why, name in reasons, name not in needed, url))
    return Requirements(tuple(pins), tuple(warnings))


def _owner(module: str, why: str, installed: Installed) -> Package:
    """The distribution that installed the module."""
    location = locate(module)
    if location is None:
        raise RequirementsError(
            f"the module {module!r} ({why}) is not installed here",
            f"install it, or take the import out if the service does not need it: "
            f"%pip install {module.partition('.')[0]}",
        )
    package = installed.owner(location)
    if package is None:
        raise _no_distribution(location.name, location.file, why)
    return package


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


def _pinned(package: Package, why: str, warnings: list[CaptureWarning]) -> tuple[str, str]:
    """Version and URL under which anybody can install the distribution.

    Raises:
        RequirementsError: nobody else can, as it comes from a folder of this machine.
    """
    origin = json.loads(package.distribution.read_text("direct_url.json") or "{}")
    # conda builds leave the path of their build machine behind.
    if origin and (package.distribution.read_text("INSTALLER") or "").strip() != "conda":
        if "dir_info" in origin:
            raise _on_this_machine_only(package.name, origin["url"], why)
        if not origin["url"].startswith("file:"):
            return package.version, _direct_url(origin)
        _warn(
            warnings,
            f"{package.name} {package.version} was installed from the file {origin['url']}",
            "the service installs that version from the package index: see that it is there",
        )
    public, _, label = package.version.partition("+")
    if label:
        _warn(
            warnings,
            f"{package.name} {package.version} is a special build; the requirement says {public}",
            f"for the same build, give pip the index that offers {package.version}",
        )
    return public, ""


def _direct_url(origin: dict[str, object]) -> str:
    url, fragment = str(origin["url"]), ""
    if isinstance(vcs := origin.get("vcs_info"), dict):
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    elif isinstance(archive := origin.get("archive_info"), dict):
        fragment = str(archive.get("hash") or "")
    if folder := origin.get("subdirectory"):
        fragment = f"subdirectory={folder}"
    return f"{url}#{fragment}" if fragment else url


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


def _no_distribution(module: str, file: Path | None, why: str) -> RequirementsError:
    """Why the module cannot be installed elsewhere: an editable install, or loose files."""
    for distribution in distributions() if file else ():
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        folder = _folder_of_url(origin.get("url", "")) if "dir_info" in origin else None
        if folder and file and relative(file, folder):
            return _on_this_machine_only(distribution.metadata["Name"], origin["url"], why)
    where = f"its file is {file}" if file else "it is a namespace without code of its own"
    return RequirementsError(
        f"the module {module!r} ({why}) belongs to no installed distribution: {where}",
        "put it beside the notebook, so that it travels with the service, or install it "
        "as a package from an index or a git URL"
        if file
        else "import the module that you use by its full name",
    )


def _on_this_machine_only(name: str, url: str, why: str) -> RequirementsError:
    return RequirementsError(
        f"{name} ({why}) is installed from a folder of this machine, {url}",
        "install it from an index or a git URL (pip install 'git+https://…'), or keep its "
        "code beside the notebook, so that it travels with the service",
    )


def _folder_of_url(url: str) -> Path | None:
    parts = urlsplit(url)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None


def _warn(warnings: list[CaptureWarning], message: str, hint: str = "") -> None:
    warning = CaptureWarning(message, hint)
    if warning not in warnings:
        warnings.append(warning)
