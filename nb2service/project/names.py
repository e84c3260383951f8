"""What a service is called: its name, its package, its folder."""

from __future__ import annotations

import re
import sys
import unicodedata
from importlib.machinery import PathFinder
from pathlib import Path

from ..errors import UsageError

# Host names, image names and most platforms' names end well above this; people's patience does not.
_LONGEST = 40


def project_name(text: str) -> tuple[str, str]:
    """The service's name and its package's, from a title, a file name or what a person typed.

    ``Customer churn!`` → ``("customer-churn", "customer_churn_service")``. Lower-case ASCII
    letters, digits and single dashes, a letter first, at most 40 characters; an ordering number
    (``01-train``) and a closing ``service`` fall away.

    Raises:
        UsageError: nothing usable is left, or the package would hide an installed module.
    """
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", ascii_text.lower().replace("'", ""))
    while len(words) > 1 and words[0].isdigit():
        words.pop(0)
    if len(words) > 1 and words[-1] == "service":
        words.pop()
    while len(words) > 1 and len("-".join(words)) > _LONGEST:
        words.pop()
    name = "-".join(words)[:_LONGEST]
    if not name or not name[0].isalpha():
        raise UsageError(
            f"no service can be called {text!r}",
            "give it a name that begins with a letter a–z, e.g. --name churn",
        )
    package = name.replace("-", "_") + "_service"
    _refuse_hidden_module(name, package)
    return name, package


def project_folder(name: str) -> str:
    """The folder that a service's project goes to unless another is asked for."""
    return f"{name}-service"


def _refuse_hidden_module(name: str, package: str) -> None:
    installed = PathFinder.find_spec(package)
    if package not in sys.stdlib_module_names and installed is None:
        return
    # An earlier build of the same service may be installed or on the path; that may be replaced.
    origin = installed.origin if installed else None
    if origin and Path(origin).with_name("contract.json").exists():
        return
    raise UsageError(
        f"the service {name!r} would have the package {package!r}, "
        "which would hide an installed module of that name",
        "choose another name, e.g. --name my-" + name,
    )
