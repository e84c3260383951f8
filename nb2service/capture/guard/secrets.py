"""Finds credentials in texts, in code and under telling names; never hands on their value.

Two kinds of evidence, both precise: formats that the issuers publish so that they can be found
(``ghp_…``, ``AKIA…``), and a literal given to what is called a password, token or key. High entropy
alone is none: hashes, digests and pictures in base64 have it too.
"""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Secret:
    """A credential in a text.

    Attributes:
        what: its kind in words, with its article: ``a GitHub token``.
        line: where it stands, from 1.
        value: its text, only so that it can be taken out; never to be shown.
    """

    what: str
    line: int
    value: str = field(repr=False)


MASK = "•••"
"""What stands in place of a secret."""

_B = r"(?<![A-Za-z0-9_])"  # where a token begins; \b would find one within an identifier
_FORMATS = {
    "a private key": r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\\n|\s)+"
    r"[A-Za-z0-9+/]{4}(?:[\s\S]{0,20000}?-----END [A-Z0-9 ]*KEY)?",
    "an AWS access key": _B + r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    "a GitHub token": _B + r"(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,})",
    "a GitLab token": _B + r"gl(?:pat|dt|rt|ptt)-[\w-]{20,}",
    "a Slack token": _B + r"xox[abeoprs]-[\w-]{10,}|hooks\.slack\.com/services/T\w+/B\w+/\w+",
    "a Stripe key": _B + r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,}",
    "a Google API key": _B + r"AIza[\w-]{35}(?![\w-])|" + _B + r"GOCSPX-[\w-]{28}",
    "an Anthropic API key": _B + r"sk-ant-[\w-]{20,}",
    "an OpenAI API key": _B + r"sk-(?:proj-|svcacct-|admin-)?(?=[\w-]*\d)(?=[\w-]*[A-Z])[\w-]{20,}",
    "a Hugging Face token": _B + r"hf_[A-Za-z0-9]{30,}(?!\w)",
    "an API key": _B
    + r"(?:gsk_[A-Za-z0-9]{40,}|r8_[A-Za-z0-9]{37}|pcsk_\w{40,}|xai-[A-Za-z0-9]{60,}"
    r"|lsv2_[a-z]{2}_[0-9a-f]{32}_\w+|pplx-[A-Za-z0-9]{40,}|nvapi-[\w-]{50,})",
    "a SendGrid key": _B + r"SG\.[\w-]{22}\.[\w-]{43}",
    "a Twilio key": _B + r"SK[0-9a-f]{32}(?![0-9a-f])",
    "a Mailchimp key": _B + r"[0-9a-f]{32}-us\d{1,2}(?!\w)",
    "a Telegram token": _B + r"\d{8,10}:AA[\w-]{33}(?![\w-])",
    "a Databricks token": _B + r"dapi[0-9a-f]{32}(?![0-9a-f])",
    "a DigitalOcean token": _B + r"do[opr]_v1_[0-9a-f]{64}",
    "a package index token": _B + r"(?:npm_[A-Za-z0-9]{36}|pypi-AgEI[\w-]{50,})",
    "a Shopify token": _B + r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
    "an Azure storage key": r"AccountKey=[A-Za-z0-9+/]{86}==",
    "a signed web token": _B + r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}",
    "an authorization header": r"(?i:\b(?:bearer|basic) )"
    r"(?=[\w.~+/-]*\d)(?=[\w.~+/-]*[A-Za-z])[\w.~+/-]{20,}=*",
}
_KINDS = list(_FORMATS)
# Every one of the formats holds one of these; looking for them is much quicker.
_MARKS = re.compile(
    r"PRIVATE KEY|A[KS]IA|gh[pousr]_|github_pat|gl[dpr]\w{1,2}-|xox|slack|k_live|k_test|AIza|GOCSPX"
    r"|sk-|hf_|gsk_|r8_|pcsk_|xai-|lsv2_|pplx-|nvapi-|SG\.|SK|-us\d|:AA|dapi|_v1_|npm_|pypi-|shp"
    r"|AccountKey|eyJ|(?i:bearer|basic )"
)

_IN_URL = re.compile(r"\b[a-z][a-z0-9+.-]{1,30}://[^\s:/@'\"]*:(?P<value>[^\s/@'\"]+)@[\w\[]", re.I)
_IN_DSN = re.compile(r"\b(?:password|pwd)\s*=\s*(?P<value>[^;\s'\"&]+)", re.I)
_DSN = re.compile(r"\b(?:server|data source|host|driver|database|dbname|user|uid)\s*=", re.I)
_WITH_PASSWORD = "a connection string with a password"

_PLACEHOLDER = re.compile(
    r"[<{\[$%].*|.*(?:\.\.\.|…|•|\*\*\*|xxx).*|(?:your|my|the|some|enter|insert|change|replace|put|add"
    r"|dummy|fake|none|null|true|false|todo|redacted|placeholder)(?:[\W_]?[a-z]+|[\W_])*",
    re.I | re.S,
)
# Schemas say the type of a field, not its value.
_TYPES = {"str", "string", "text", "object", "category", "bytes", "int", "float", "bool", "number"}

_PASSWORDS = {"password", "passwd", "passphrase", "passcode", "pwd"}
_OWNERS = {"db", "user", "admin", "root", "smtp", "mail", "email", "login", "ftp", "sql"}
_TOKENS = {"token", "secret", "credential", "credentials", "apikey", "bearer"}
_KEYS = {"api", "access", "secret", "private", "auth", "encryption", "signing", "account", "master"}
_KEYS |= {"subscription", "service", "storage", "license", "webhook", "fernet", "jwt"}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_WORDS_OF_ALL = {"key", "keys", "value", "default", "env"} | _PASSWORDS | _TOKENS | _KEYS | _OWNERS

# Lines of settings files: `DB_PASSWORD=…`, `password: …`, `"api_key": "…"`.
_SETTING = re.compile(r"[\"']?(?P<name>[\w.-]+)[\"']?[ \t]*[=:][ \t]*[\"']?(?P<value>[^\"'\n,]+)")
_SETTINGS = (".env", ".ini", ".cfg", ".conf", ".toml", ".yaml", ".yml", ".json", ".properties")
_KEY_STORES = (".p12", ".pfx", ".jks", ".keystore", ".kdbx")
_READ = 2_000_000  # bytes of a file that are looked through


def find_secrets(text: str) -> Iterator[Secret]:
    """The credentials of known formats, and passwords in URLs and connection strings."""
    yield from _of_known_format(text)
    if "@" in text:
        yield from _connections(_IN_URL, text)
    if "=" in text and _DSN.search(text):
        yield from _connections(_IN_DSN, text)


@cache
def _known() -> re.Pattern[str]:
    """All formats in one; made when one may be there, as compiling takes a while."""
    return re.compile("|".join(f"(?P<_{i}>{regex})" for i, regex in enumerate(_FORMATS.values())))


def _of_known_format(text: str) -> Iterator[Secret]:
    if _MARKS.search(text):
        for found in _known().finditer(text):
            assert found.lastgroup is not None
            yield Secret(_KINDS[int(found.lastgroup[1:])], _line(text, found.start()), found[0])


def _connections(pattern: re.Pattern[str], text: str) -> Iterator[Secret]:
    for found in pattern.finditer(text):
        if not _PLACEHOLDER.fullmatch(found["value"]):
            yield Secret(_WITH_PASSWORD, _line(text, found.start()), found["value"])


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def secret_named(name: str, value: str) -> str:
    """What a text is that is held under ``name``: ``a password``, ``an API key``; "" if no secret.

    ``password_length``, ``token_pattern`` and ``sort_key`` are names of something else.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    while words and words[-1].isdigit():
        words.pop()
    if not words or not value.strip() or value.lower() in _TYPES or _PLACEHOLDER.fullmatch(value):
        return ""
    if all(word in _WORDS_OF_ALL for word in map(str.lower, _WORD.findall(value))):
        return ""  # `password="password"`: the name of a column or variable
    last = words[-1]
    if last in _PASSWORDS or (last in ("pass", "pw") and (not words[:-1] or words[-2] in _OWNERS)):
        return "a password" if len(value) >= 4 and not _is_prose(value) else ""
    is_key = last == "key" and len(words) > 1 and words[-2] in _KEYS
    if (is_key or last in _TOKENS) and _is_random(value):
        return "an API key" if is_key or last == "apikey" else f"a {last.rstrip('s')}"
    return ""


def _is_prose(value: str) -> bool:
    """Whether it is text for people: a prompt, a label."""
    return value.count(" ") > 3 or value.rstrip().endswith((":", "?"))


def _is_random(value: str) -> bool:
    """Whether nobody would write a text by hand: one run of letters and digits."""
    if len(value) < 12 or not re.fullmatch(r"[\w.~+/=:-]+", value):
        return False
    has_both = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    counts = Counter(value).values()
    entropy = -sum(n / len(value) * math.log2(n / len(value)) for n in counts)
    return has_both and entropy > 2.9


def find_in_code(source: str) -> list[Secret]:
    """The credentials in Python source, comments included, in their order."""
    found = list(_of_known_format(source))
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a cell of IPython's: only the formats are looked for
        return found
    named = {id(node): (name, node) for name, node in _named_texts(tree)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))):
            continue
        text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
        if any(known.value in text for known in found):
            continue
        found += [Secret(s.what, node.lineno + s.line - 1, s.value) for s in find_secrets(text)]
        if id(node) in named and (what := secret_named(named[id(node)][0], text)):
            found.append(Secret(what, node.lineno, text))
    return sorted(found, key=lambda secret: secret.line)


def find_in_file(path: str, data: bytes) -> list[Secret]:
    """The credentials in a file that travels: a module, settings, a key."""
    suffix = PurePosixPath(path).suffix.lower() or PurePosixPath(path).name.lower()
    if suffix in _KEY_STORES:
        return [Secret("a key store", 1, "")]
    text = data[:_READ].decode("utf-8", "replace")
    if "\0" in text:
        return []
    if suffix == ".py":
        return find_in_code(text)
    found = list(find_secrets(text))
    if suffix in _SETTINGS:
        for setting in _SETTING.finditer(text):
            if what := secret_named(setting["name"], setting["value"].strip()):
                found.append(Secret(what, _line(text, setting.start()), setting["value"].strip()))
    return sorted(found, key=lambda secret: secret.line)


def concealed(text: str, secrets: list[Secret]) -> str:
    """The text with the value of each secret taken out."""
    for secret in sorted(secrets, key=lambda secret: -len(secret.value)):
        for written in {secret.value, repr(secret.value)[1:-1]} - {""}:
            text = text.replace(written, MASK)
    return text


def _named_texts(tree: ast.AST) -> Iterator[tuple[str, ast.Constant]]:
    """Each literal text with the name, key or parameter that it is given to or compared with."""
    for node in ast.walk(tree):
        pairs: list[tuple[ast.AST | str | None, ast.AST | None]] = []
        match node:
            case ast.Assign(targets, value):
                pairs = [(target, value) for target in targets]
            case ast.AnnAssign(target, _, value) | ast.NamedExpr(target, value):
                pairs = [(target, value)]
            case ast.keyword(arg, value):
                pairs = [(arg, value)]
            case ast.Dict(keys, values):
                pairs = list(zip(keys, values, strict=True))
            case ast.Compare(left, [ast.Eq() | ast.NotEq()], [right]):
                pairs = [(left, right), (right, left)]
            case ast.arguments():
                pairs = list(_defaults(node))
            case ast.Call(ast.Attribute(_, "get" | "getenv" | "setdefault"), [key, default]):
                pairs = [(key, default)]
        for holder, held in pairs:
            name = _name_of(holder)
            if name and isinstance(held, ast.Constant) and isinstance(held.value, (str, bytes)):
                yield name, held


def _defaults(node: ast.arguments) -> Iterator[tuple[str, ast.AST | None]]:
    positional = [*node.posonlyargs, *node.args]
    last = positional[len(positional) - len(node.defaults) :]
    yield from ((arg.arg, value) for arg, value in zip(last, node.defaults, strict=True))
    only = zip(node.kwonlyargs, node.kw_defaults, strict=True)
    yield from ((arg.arg, value) for arg, value in only)


def _name_of(target: ast.AST | str | None) -> str:
    match target:
        case str(name) | ast.Name(name) | ast.Attribute(_, name) | ast.Constant(str(name)):
            return name
        case ast.Subscript(_, ast.Constant(str(name))):
            return name
    return ""
