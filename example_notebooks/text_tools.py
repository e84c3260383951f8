"""Takes texts apart: markup, sentences, words."""

import html
import re
from pathlib import Path

_MARKUP = re.compile(r"<[^>]*>")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_WORD = re.compile(r"[^\W\d_]+")


def strip_markup(text):
    """The text without HTML tags and entities."""
    return html.unescape(_MARKUP.sub(" ", text))


def sentences(text):
    """The sentences of a text, in order."""
    return [part for part in _SENTENCE_END.split(text.strip()) if part]


def words(text):
    """The words of a text in lower case, without numbers and punctuation."""
    return _WORD.findall(text.lower())


def stop_words(path="data/stop_words.txt"):
    """The words that say little, one on each line of a file."""
    return frozenset(Path(path).read_text(encoding="utf-8").split())
