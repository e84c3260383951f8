"""Under which licence a distribution says that it is."""

from __future__ import annotations

from importlib.metadata import Distribution

_CLASSIFIER = "License :: "
_LONGEST = 100  # a longer line is no name but a licence's text


def licence_of(distribution: Distribution) -> str:
    """The licence as the installed metadata has it; "" where it says nothing.

    A ``License-Expression`` (SPDX) comes first, then the classifiers, then the first line of the
    ``License`` field.
    """

    def said(field: str) -> list[str]:
        return [str(text).strip() for text in distribution.metadata.get_all(field) or ()]

    if expression := said("License-Expression"):
        return expression[0]
    classifiers = [
        text.rpartition(" :: ")[2]
        for text in said("Classifier")
        if text.startswith(_CLASSIFIER) and not text.endswith(":: OSI Approved")
    ]
    if classifiers:
        return ", ".join(classifiers)
    lines = "\n".join(said("License")).splitlines()
    line = lines[0].strip() if lines else ""
    return line if len(line) <= _LONGEST and line.upper() != "UNKNOWN" else ""
