"""Names, digests and the canonical text that digests are made of."""

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints

from taxiway.core.errors import SpecError

CHAMPION = "champion"
"""The alias of the version that is live."""
CHALLENGER = "challenger"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DIGEST = r"^[a-z0-9]+(-[a-z0-9]+)*:[0-9a-f]{64}$"
_ENTRY_POINT = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def check_name(name: str) -> str:
    """Gives `name` back if it can be part of a path, a DAG id and an asset name.

    Raises:
        SpecError: it is empty, longer than 100 characters, or has other characters than letters, digits, `.`, `_`, `-`.
    """
    if not _NAME.fullmatch(name):
        raise SpecError(
            "a name must be usable as a path, a DAG id and an asset name",
            expected="1 to 100 letters, digits, '.', '_' or '-', the first a letter or digit",
            got=repr(name),
            do="Choose another name.",
        )
    return name


def check_entry_point(path: str) -> str:
    """Gives `path` back if it reads `package.module:name`.

    Raises:
        SpecError: it reads otherwise.
    """
    if not _ENTRY_POINT.fullmatch(path):
        raise SpecError(
            "this does not name anything importable",
            expected="'package.module:name'",
            got=repr(path),
            do="Write the module, a colon and the name defined in it.",
        )
    return path


Name = Annotated[str, AfterValidator(check_name)]
EntryPoint = Annotated[str, AfterValidator(check_entry_point)]
Digest = Annotated[str, StringConstraints(pattern=_DIGEST)]
"""`algorithm:hex`; the algorithm's name carries every parameter that changes the result."""


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word closest to `word`, as a hint to put behind an error: `Did you mean 'x'?`, or nothing."""
    import difflib

    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"Did you mean {matches[0]!r}?" if matches else ""


def unknown(what: str, word: str, known: Iterable[str], *, where: str = "") -> SpecError:
    """The error for a word that is none of the `known` ones, with the nearest of them as the remedy."""
    names = sorted(set(known))
    return SpecError(
        f"{what} {word!r} is not known",
        where=where,
        expected=f"one of {', '.join(names)}" if names else "nothing: there are none",
        do=nearest(word, names) or "Check the spelling.",
    )


def canonical(data: Any) -> bytes:
    """The one JSON text of `data` (keys sorted, no spaces, UTF-8), so that equal data has equal digests.

    Raises:
        ValueError: it holds a NaN or an infinity, which JSON cannot say.
    """
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256(data: bytes) -> str:
    """`sha256:<hex>` of some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def digest_of(data: Any) -> str:
    """`sha256:<hex>` of the canonical JSON of `data`."""
    return sha256(canonical(data))
