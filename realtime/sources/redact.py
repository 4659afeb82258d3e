"""Removes user names, passwords and keys from addresses before they are shown."""

import re

_WORD = re.compile(r"\S+")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # two letters at least: C:// is a drive
_SCHEMELESS = re.compile(r"[^\s:/\\@]{2,}:\S*@(?=\S)")  # user:password@host without a scheme
_SECRET_VALUE = re.compile(
    r"((?:^|[?&;/_])[\w.%-]*?(?:pass|pwd|psw|token|key|secret|auth|user|usr|login|sig|cred|session|account)"
    r"[\w.%-]*?=).*?(?=&|_[A-Za-z]+=|$)",  # some cameras write user=x_password=y_channel=1 into the path
    re.IGNORECASE,
)


def is_url(text: str) -> bool:
    return _URL.match(text) is not None


def redact(text: str) -> str:
    """The text with the user info of its addresses removed, and `***` for the values of their secret parameters.

    Passwords often contain @, / or ? that should be written as %40 and so on. So everything up to the last @ of a word
    that may belong to a password is removed, even if that cuts a path: a short name is better than a shown secret.
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
