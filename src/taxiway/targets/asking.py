"""Asking servers: one HTTP request with a deadline, whose faults are ours."""

import ssl
import urllib.error
import urllib.request
from pathlib import Path

from taxiway.core.counts import Reading, read
from taxiway.core.errors import BackendError
from taxiway.core.specs.targets import Access, Tokens

PATIENCE_S = 5.0
_MOST_BYTES = 16 << 20


def ask(
    url: str, body: bytes | None = None, *, token: str = "", trust: str | None = None, patience_s: float = PATIENCE_S
) -> bytes:
    """What is answered to a GET, or to a POST of JSON.

    Args:
        url: http or https.
        body: what to post.
        token: shown as a bearer token.
        trust: PEM file of the certificate that the server must have; the system's authorities without one.
        patience_s: for the whole request.

    Raises:
        BackendError: there was no answer, or not one of success.
    """
    headers = {"content-type": "application/json"} if body is not None else {}
    headers |= {"authorization": f"Bearer {token}"} if token else {}
    context = None
    if trust is not None:
        context = ssl.create_default_context(cafile=trust)
        context.check_hostname = False
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - the platform made the address
    try:
        with urllib.request.urlopen(request, timeout=patience_s, context=context) as answer:  # noqa: S310 - as above
            return bytes(answer.read(_MOST_BYTES))
    except urllib.error.HTTPError as error:
        got = f"{error.code} {error.reason}: {error.read(500).decode(errors='replace')}"
    except (OSError, ValueError) as error:
        got = f"{type(error).__name__}: {error}"
    raise BackendError("the server did not answer", where=url, got=got, do="Look at its log.") from None


def metrics(url: str, *, service: str, replica: str, trust: str | None = None) -> Reading:
    """What a server says of a service, by its metrics.

    Raises:
        BackendError: it did not answer, or not with metrics.
    """
    text = ask(f"{url}/metrics", trust=trust).decode(errors="replace")
    return read(text, service=service, replica=replica)


def access_arguments(access: Access | None) -> list[str]:
    """What the server's command line says of who may ask; the metrics are open, for whoever watches it."""
    if access is None or access.kind == "everybody":
        return ["--no-auth", "--open-metrics"]
    if access.kind == "tokens":
        return ["--tokens", access.source, "--open-metrics"]
    return ["--jwks", access.jwks, "--audience", access.audience, "--issuer", access.issuer, "--open-metrics"]


def token_of(access: Access | None) -> str:
    """A token that may ask, where there is a file of them; else none."""
    if not isinstance(access, Tokens):
        return ""
    try:
        lines = Path(access.source).read_text(encoding="utf-8").split()
    except OSError:
        return ""
    return lines[0] if lines else ""
