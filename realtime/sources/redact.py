"""Addresses as they may be shown: without user names, passwords and keys."""

import re

_WORD = re.compile(r"\S+")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # two letters at least: C:// is a drive
_SCHEMELESS = re.compile(r"[^\s:/\\@]{2,}:\S*@(?=\S)")  # user:password@host, where the scheme was forgotten
_SECRET_VALUE = re.compile(
    r"((?:^|[?&;/_])[\w.%-]*?(?:pass|pwd|psw|token|key|secret|auth|user|usr|login|sig|cred|session|account)"
    r"[\w.%-]*?=).*?(?=&|_[A-Za-z]+=|$)",  # some cameras write user=x_password=y_channel=1 into the path
    re.IGNORECASE,
)


def is_url(text: str) -> bool:
    return _URL.match(text) is not None


def redact(text: str) -> str:
    """Any text without the user info of addresses in it, and with `***` for the values of their secret parameters.

    Passwords often hold @, / and ? that should have been written as %40 and so on; so all goes up to the last @ of a
    word that could be part of one, even where that cuts a path in two: better a name too short than a secret shown.
    """
    return _WORD.sub(lambda word: _redact_word(word[0]), text)


def has_secret(address: str) -> bool:
    return redact(address) != address


def _redact_word(word: str) -> str:
    url = _URL.search(word)
    if url is None:
        return _SCHEMELESS.sub("", word)
    before, rest = word[: url.end()], word[url.end() :]
    user_info = rest.rpartition("@")[0]
    if user_info and (":" in user_info or "@" in re.split(r"[/?#]", rest, maxsplit=1)[0]):
        rest = rest.rpartition("@")[2]
    return before + _SECRET_VALUE.sub(r"\1***", rest)
