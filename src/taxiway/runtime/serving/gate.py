"""The gate: who may ask. Everything is closed to those who prove nothing, except the question whether the server lives.

A proof is a bearer token: one of a file's lines, or a JSON Web Token signed by a key that the issuer publishes.
"""

import asyncio
import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from taxiway.core.errors import SpecError
from taxiway.runtime.serving.logs import say

OPEN = frozenset({"/v2/health/live", "/v2/health/ready"})
"""What anybody may ask."""
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_REMEMBERED = 4096
_LOOK_AGAIN_S = 5.0
_KEYS_FOR_S = 300.0
_SHORTEST = 16


class Guard(Protocol):
    """Who may ask."""

    async def refuses(self, proof: str) -> str:
        """Why a bearer is not let in; empty when it is."""


class Open:
    """Lets everybody in: only when the command line says so."""

    async def refuses(self, proof: str) -> str:  # noqa: ARG002 - the gates' common shape
        """Never."""
        return ""


class Tokens:
    """The tokens in a file, one a line; the file is read again when it changes, so that tokens can be replaced.

    Raises:
        SpecError: there is no file, no token in it, or one that is too short to be a secret.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._looked_at = time.monotonic()
        self._stamp = 0
        self._known = self._read()

    async def refuses(self, proof: str) -> str:
        """Why a bearer is not let in; empty when it is."""
        if time.monotonic() - self._looked_at > _LOOK_AGAIN_S:
            self._look_again()
        digest = hashlib.sha256(proof.encode()).digest()
        matches = [hmac.compare_digest(digest, known) for known in self._known]
        return "" if any(matches) else "this token is not known"

    def _look_again(self) -> None:
        self._looked_at = time.monotonic()
        try:
            if self._file.stat().st_mtime_ns != self._stamp:
                self._known = self._read()
        except (OSError, SpecError) as error:
            say("the tokens cannot be read again; the old ones hold", level="error", error=str(error))

    def _read(self) -> list[bytes]:
        where = str(self._file)
        try:
            self._stamp = self._file.stat().st_mtime_ns
            lines = [line.strip() for line in self._file.read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError) as error:
            raise SpecError("the file of tokens cannot be read", where=where, got=str(error)) from error
        found = [line for line in lines if line and not line.startswith("#")]
        if not found or any(len(token) < _SHORTEST for token in found):
            raise SpecError(
                "this is no file of tokens",
                where=where,
                expected=f"one token a line, of {_SHORTEST} characters or more",
                got=f"{len(found)} tokens" if found else "none",
                do="Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
            )
        return [hashlib.sha256(token.encode()).digest() for token in found]


class WebTokens:
    """JSON Web Tokens of one issuer for one audience, signed with one of the keys it publishes (JWKS).

    Args:
        keys: `https://…`, or a file, that holds the key set; plain http on this machine only.
        audience: what a token must be for.
        issuer: who must have issued it.

    Raises:
        SpecError: the keys would come over the network without TLS.
    """

    def __init__(self, keys: str, audience: str, issuer: str) -> None:
        if not _is_private(keys):
            raise SpecError("keys that come without TLS prove nothing", where="--jwks", expected="https://…", got=keys)
        self._where = keys
        self._audience = audience
        self._issuer = issuer
        self._keys: Mapping[str, Any] = {}
        self._fetched_at = -_KEYS_FOR_S
        self._passed: OrderedDict[str, float] = OrderedDict()
        self._fetching = asyncio.Lock()

    async def refuses(self, proof: str) -> str:
        """Why a bearer is not let in; empty when it is."""
        until = self._passed.get(proof)
        if until is not None and time.time() < until:
            return ""
        import jwt

        try:
            header = jwt.get_unverified_header(proof)
            key = await self._key(str(header.get("kid", "")))
            if key is None:
                return "this token is signed with a key that the issuer does not publish"
            claims = jwt.decode(
                proof,
                key,
                algorithms=[name for name in _ALGORITHMS if name == key.algorithm_name],
                audience=self._audience,
                issuer=self._issuer,
                options={"require": ["exp", "aud", "iss"]},
            )
        except jwt.PyJWTError as error:
            return f"this token is not valid: {error}"
        self._remember(proof, float(claims["exp"]))
        return ""

    def _remember(self, proof: str, until: float) -> None:
        """A token that passed, passes again without arithmetic, for a while."""
        self._passed[proof] = min(until, time.time() + _KEYS_FOR_S)
        while len(self._passed) > _REMEMBERED:
            self._passed.popitem(last=False)

    async def _key(self, kid: str) -> Any:
        """The key of a name; keys are fetched again when they are old, or, now and then, when one is not known."""
        async with self._fetching:
            age = time.monotonic() - self._fetched_at
            if age >= _KEYS_FOR_S or (kid not in self._keys and age >= _LOOK_AGAIN_S):
                self._fetched_at = time.monotonic()
                try:
                    self._keys = await asyncio.to_thread(_fetch, self._where)
                except (OSError, ValueError, HTTPException) as error:
                    say("the issuer's keys cannot be read; the old ones hold", level="error", error=str(error))
        return self._keys.get(kid)


def _fetch(where: str) -> dict[str, Any]:
    import jwt

    if where.startswith(("https://", "http://")):
        import urllib.request

        with urllib.request.urlopen(where, timeout=10) as answer:  # noqa: S310 - the scheme was looked at
            if not _is_private(answer.url):
                raise ValueError(f"it leads to {answer.url}, without TLS")
            text = answer.read(1 << 20).decode()
    else:
        text = Path(where.removeprefix("file://")).read_text(encoding="utf-8")
    try:
        found = jwt.PyJWKSet.from_json(text).keys
    except jwt.PyJWTError as error:
        raise ValueError(str(error)) from error
    return {str(key.key_id or ""): key for key in found}


def _is_private(where: str) -> bool:
    """Whether nobody on the way can change what comes from there."""
    return not where.startswith("http://") or urlsplit(where).hostname in _LOOPBACK


def bearer(headers: Mapping[bytes, bytes]) -> str:
    """The token in the headers of a request; empty when there is none."""
    scheme, _, proof = headers.get(b"authorization", b"").partition(b" ")
    return proof.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""
