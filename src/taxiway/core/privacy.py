"""What no notice may carry: secrets and personal values, however they got into a text.

The last net, not the first: what Taxiway itself writes into a notice is names, numbers and its own sentences. But a
notice also tells why a task failed, and the exception of somebody's code may say anything.
"""

import re

HIDDEN = "[hidden]"
LONGEST = 4000
"""How many characters of a text are kept: no message shows more."""
_SECRETS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
        r"\bxox[a-z]-[\w-]+|\bxapp-[\w-]+",
        r"(?<=hooks\.slack\.com/)(?!\[hidden\])\S+",
        r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
        r"\bgh[opsur]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{20,}",
        r"\bAIza[\w-]{30,}",
        r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*",
        r"(?<=\bbearer )(?!\[hidden\])[^\s\"',;]+",
        r"(?<=://)[^\s/@]+:[^\s/@]+(?=@)",
    )
)
_NAMED = re.compile(
    r"((?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key(?:[_-]?id)?|signature|credential|sig)"
    r"(?:[_-]\w+)*[\"']?\s{0,3}[=:]\s{0,3}[\"']?)(?!\[hidden\])[^\s\"'&,;}{)\]]+",
    re.IGNORECASE,
)
"""A name that says that a secret follows, and the secret."""
_PERSONAL = tuple(
    re.compile(pattern)
    for pattern in (
        r"[\w.+'%-]+@[\w-]+(?:\.[\w-]+)+",
        r"(?<!\w)\+\d[\d ()./-]{6,}\d",
        r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])",
        r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b",
    )
)
_CARD = re.compile(r"(?<![\w.-])(?:2[2-7]|[3-6]\d)(?:[ -]?\d){11,17}(?![\w.-])")


def hide(text: str) -> str:
    """The text with `[hidden]` where a secret or a personal value stood, at most `LONGEST` characters of it.

    Law: `hide(hide(x)) == hide(x)`.

    Hidden are tokens, keys and passwords that look like some or are named so, credentials in a URL, e-mail addresses,
    telephone, social-security, account and card numbers.
    """
    text = text[:LONGEST]
    while (hidden := _once(text)[:LONGEST]) != text:
        text = hidden
    return text


def _once(text: str) -> str:
    for pattern in _SECRETS:
        text = pattern.sub(HIDDEN, text)
    text = _NAMED.sub(rf"\1{HIDDEN}", text)
    for pattern in _PERSONAL:
        text = pattern.sub(HIDDEN, text)
    return _CARD.sub(lambda found: HIDDEN if _is_card(found[0]) else found[0], text)


def _is_card(text: str) -> bool:
    """Whether the last digit is the check digit of the others, as it is on every card."""
    digits = [int(one) for one in text if one.isdigit()]
    return sum(sum(divmod(2 * d, 10)) if odd % 2 else d for odd, d in enumerate(reversed(digits))) % 10 == 0
