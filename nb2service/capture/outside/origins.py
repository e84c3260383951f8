"""From where anybody can install what is installed here: an index, a URL; or nowhere."""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.version import InvalidVersion, Version

from ...errors import RequirementsError
from .locate import Package
from .provenance import git_commit

# PyTorch's builds for one kind of hardware are on an index of their own, named as their label.
_PYTORCH = {"torch", "torchvision", "torchaudio", "torchtext"}
_PYTORCH_LABEL = re.compile(r"cpu|xpu|cu\d+|rocm[\d.]+")
_PYTORCH_INDEX = "https://download.pytorch.org/whl/{}"

Warn = Callable[[str, str], None]


@dataclass(frozen=True)
class Origin:
    """How to ask an installer for a distribution.

    Attributes:
        version: as the requirement names it.
        url: in place of the version; "" for what an index has.
        index: the index that has this build, beside the usual one; "" for none.
    """

    version: str
    url: str = ""
    index: str = ""


def origin_of(package: Package, why: str, warn: Warn) -> Origin:
    """From where anybody can install the distribution, as it is installed here.

    Raises:
        RequirementsError: nobody else can, as it comes from this machine.
    """
    direct = direct_url(package)
    if direct is None:
        return _from_index(package, warn)
    url = str(direct["url"])
    if "dir_info" in direct or ("vcs_info" in direct and url.startswith("file:")):
        raise on_this_machine_only(package.name, url, why)
    if not url.startswith("file:"):
        return Origin(package.version, _requirement_url(direct))
    warn(
        f"{package.name} {package.version} was installed from the file {url}",
        "the service installs that version from the package index: see that it is there",
    )
    return _from_index(package, warn)


def direct_url(package: Package) -> dict[str, Any] | None:
    """What ``direct_url.json`` (PEP 610) says of a distribution that came from no index."""
    text = package.distribution.read_text("direct_url.json")
    # conda builds leave the path of their build machine behind.
    if not text or (package.distribution.read_text("INSTALLER") or "").strip() == "conda":
        return None
    found: dict[str, Any] = json.loads(text)
    return found


def on_this_machine_only(name: str, url: str, why: str) -> RequirementsError:
    """The refusal of a distribution that was installed from a folder of this machine."""
    folder = folder_of_url(url)
    published = _published(folder) if folder else ""
    return RequirementsError(
        f"{name} ({why}) is installed from this machine, {url}",
        f"install it from {'where it is published' if published else 'an index or a git URL'} "
        f"(%pip install '{published or 'git+https://…'}'), or keep its code beside the notebook's "
        "project, so that it travels with the service",
    )


def folder_of_url(url: str) -> Path | None:
    """The folder that a ``file:`` URL names."""
    parts = urlsplit(url)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None


def _from_index(package: Package, warn: Warn) -> Origin:
    try:
        Version(package.version)
    except InvalidVersion:
        raise RequirementsError(
            f"{package.name} has the version {package.version!r}, which installers do not take",
            f"install a published version: %pip install --upgrade {package.name}",
        ) from None
    public, _, label = package.version.partition("+")
    if not label:
        return Origin(public)
    if package.name in _PYTORCH and _PYTORCH_LABEL.fullmatch(label):
        return Origin(package.version, index=_PYTORCH_INDEX.format(label))
    warn(
        f"{package.name} {package.version} is a special build; the requirement says {public}",
        f"for the same build, give pip the index that offers {package.version}",
    )
    return Origin(public)


def _requirement_url(direct: dict[str, Any]) -> str:
    url, fragment = _without_password(direct["url"]), ""
    if isinstance(vcs := direct.get("vcs_info"), dict):
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    elif isinstance(archive := direct.get("archive_info"), dict):
        fragment = str(archive.get("hash") or "")
    if folder := direct.get("subdirectory"):
        fragment = f"subdirectory={folder}"
    return f"{url}#{fragment}" if fragment else url


def _without_password(url: str) -> str:
    # Installers should have taken it out; a variable (${TOKEN}) is none.
    return re.sub(r"^(https?://)(?!\$\{)[^/@]+@", r"\1", url)


def _published(folder: Path) -> str:
    """Where the checkout of a git repository can be had by others, at its commit; "" if unknown."""
    parser = configparser.RawConfigParser(strict=False)
    commit = git_commit(folder)
    try:
        parser.read(folder / ".git" / "config", "utf-8")
        remote = parser.get('remote "origin"', "url")
    except (configparser.Error, UnicodeDecodeError):
        return ""
    if found := re.fullmatch(r"([\w.-]+@[\w.-]+):(?!//)(.+)", remote):
        remote = f"ssh://{found[1]}/{found[2]}"
    is_url = re.match(r"(https|ssh)://", remote)
    return f"git+{_without_password(remote)}@{commit}" if is_url and commit else ""
