"""Recognises personal data among example values, which every reader of the project sees.

Strong evidence is a format with a rule of its own (an e-mail address, a check digit) that nearly
all values of a column keep to. A column's name together with text is weak: it is said, no more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .secrets import find_secrets, secret_named

_MOST = 0.8  # of a column's values
_SMALLEST_CARD = 10**12

_EMAIL = re.compile(r"(?P<local>[\w.+%-]+)@(?P<domain>(?:[\w-]+\.)+[A-Za-z]{2,})")
# Reserved for examples by RFC 2606: nobody's address.
_NOBODY = re.compile(r"(?:.*\.)?(?:example(?:\.(?:com|org|net))?|test|invalid|localhost)", re.I)
_SSN = re.compile(r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}")
_IBAN = re.compile(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}")
_CARD = re.compile(r"(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|3[47]\d\d|6(?:011|5\d\d))(?:[ -]?\d){8,15}")
_PHONE = re.compile(r"(?:\+|00)\d(?:[ ()./-]*\d){7,14}|\(?\d{3,5}\)?[ ./-]\d{3,4}[ ./-]\d{3,5}")

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_GIVEN = {"first", "last", "sur", "given", "family", "full", "maiden", "middle", "nick"}
_OF_PEOPLE = {"customer", "client", "patient", "passenger", "employee", "person", "user", "student"}
_OF_PEOPLE |= {"member", "contact", "owner", "author", "applicant", "driver", "guest", "holder"}
_OTHER_ADDRESSES = {"ip", "mac", "url", "web", "http", "wallet", "memory", "type"}


@dataclass(frozen=True)
class Personal:
    """A column whose example values look like personal data.

    Attributes:
        column: its name, as ``--mask`` takes it.
        what: what they look like: ``e-mail addresses``.
        strong: whether there is no doubt.
    """

    column: str
    what: str
    strong: bool


def columns_of(
    instances: Sequence[Any], names: Sequence[str], nameless: str
) -> dict[str, list[Any]]:
    """The values of wire rows by column; members of nested objects under dotted names."""
    columns: dict[str, list[Any]] = {}

    def add(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, item in value.items():
                add(f"{name}.{key}" if name else str(key), item)
        elif isinstance(value, list):
            for position, item in enumerate(value):
                known = not name and position < len(names)
                add(names[position] if known else name or nameless, item)
        elif value is not None:
            columns.setdefault(name or nameless, []).append(value)

    for row in instances:
        add("", row)
    return columns


def find_personal(columns: Mapping[str, Sequence[Any]]) -> list[Personal]:
    """The columns that look like personal data, or like credentials."""
    found = []
    for column, values in columns.items():
        if what := _strong(column, values):
            found.append(Personal(column, what, True))
        elif what := _weak(column, values):
            found.append(Personal(column, what, False))
    return found


def _strong(column: str, values: Sequence[Any]) -> str:
    numbers = [value for value in values if isinstance(value, int) and value >= _SMALLEST_CARD]
    texts = [value.strip() for value in values if isinstance(value, str)] or list(map(str, numbers))
    if not texts:
        return ""
    if not numbers:
        if any(True for text in texts for _ in find_secrets(text)):
            return "credentials"
        if _most(texts, lambda text: bool(secret_named(column, text))):
            return "credentials"
        if _most(texts, _is_address):
            return "e-mail addresses"
        if _most(texts, _SSN.fullmatch):
            return "social security numbers"
        if _most(texts, _is_iban):
            return "bank account numbers (IBAN)"
    # One number in ten has the right check digit.
    told = len(texts) > 2 or re.search(r"card|credit|pan", column, re.I) or " " in texts[0]
    return "payment card numbers" if told and _most(texts, _is_card) else ""


def _weak(column: str, values: Sequence[Any]) -> str:
    texts = [value.strip() for value in values if isinstance(value, str) and value.strip()]
    if not texts:
        return ""
    words = [word.lower() for word in _WORD.findall(column.rpartition(".")[2])]
    if "".join(words) in ("dob", "birthdate", "birthday", "dateofbirth", "birthdt", "bday"):
        return "birth dates"
    if not any(any(c.isalpha() for c in text) for text in texts):
        called = {"phone", "mobile", "tel", "telephone", "cell", "fax"} & set(words)
        numbers = [text for text in texts if sum(c.isdigit() for c in text) >= 7]
        return "phone numbers" if _most(texts, _PHONE.fullmatch) or (called and numbers) else ""
    if _are_names(words, texts):
        return "people's names"
    if words and words[-1] in ("address", "addr", "street") and not _OTHER_ADDRESSES & set(words):
        return "postal addresses" if _most(texts, lambda text: " " in text) else ""
    if {"passport", "ssn"} & set(words):
        return "identity numbers"
    if any(_is_real(found) for text in texts for found in _EMAIL.finditer(text)):
        return "texts with e-mail addresses"
    return "e-mail addresses" if _most(texts, _EMAIL.fullmatch) else ""


def _are_names(words: Sequence[str], texts: Sequence[str]) -> bool:
    joined = "".join(words)
    if joined.endswith("name") and joined[:-4] in _GIVEN:
        return _most(texts, lambda text: text[0].isalpha())
    if joined in ("name", "names") or (words and words[-1] == "name" and words[0] in _OF_PEOPLE):
        return _most(texts, lambda text: _is_titled(text))
    return False


def _is_titled(text: str) -> bool:
    """Whether a text without digits is mostly capitalised words, two at least."""
    words = [] if re.search(r"\d", text) else re.findall(r"[^\W_][\w'’]*", text)
    capital = [
        word for word in words if word[0].isupper() and (len(word) == 1 or not word.isupper())
    ]
    return len(capital) >= 2 and len(capital) >= 0.6 * len(words)


def _most(texts: Sequence[str], holds: Callable[[str], Any]) -> bool:
    return sum(bool(holds(text)) for text in texts) >= _MOST * len(texts)


def _is_address(text: str) -> bool:
    found = _EMAIL.fullmatch(text)
    return found is not None and _is_real(found)


def _is_real(found: re.Match[str]) -> bool:
    return not _NOBODY.fullmatch(found["domain"])


def _is_iban(text: str) -> bool:
    plain = text.replace(" ", "")
    if not _IBAN.fullmatch(text):
        return False
    digits = "".join(str(int(c, 36)) for c in plain[4:] + plain[:4])
    return int(digits) % 97 == 1


def _is_card(text: str) -> bool:
    if not _CARD.fullmatch(text):
        return False
    digits = [int(c) for c in reversed(text) if c.isdigit()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return 13 <= len(digits) <= 19 and (sum(digits[::2]) + sum(doubled)) % 10 == 0
