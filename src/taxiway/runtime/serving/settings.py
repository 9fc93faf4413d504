"""Settings: what the command line of a server says."""

import argparse
import dataclasses
import os
from pathlib import Path

from taxiway.core.errors import SpecError
from taxiway.runtime.serving.front import Rules
from taxiway.runtime.serving.gate import Guard, Open, Tokens, WebTokens
from taxiway.runtime.serving.slot import Limits
from taxiway.runtime.signing import Signers


@dataclasses.dataclass(frozen=True)
class Settings:
    """How one server runs.

    Attributes:
        service: which service of the store it serves.
        store: URI of the store.
        version: only this version, whatever the log says; none to follow the log.
        signers: whose signature the bytes of a version need; none when that was not asked for.
        host: address it listens on.
        port: port it listens on; 0 takes a free one, which the log names.
        cache: private folder for the bytes of models; a temporary one without it.
        limits: how much a slot takes on.
        rules: what a request may be.
        patience_s: how long one batch may take before its predictor is ended; 0 for ever.
        poll_s: how often the log is looked at.
        lame_s: after SIGTERM: how long requests are still taken while readiness says no, for load balancers to see it.
        drain_s: how long what is under way may take then.
        nursery_s: how long the libraries of models stay imported for the next predictor.
        sample: which share of the requests the traffic log keeps, 0 to 1.
        flush_s: how long a sampled request is held before it is written.
        certificate: PEM file with the chain; none when plain HTTP was asked for.
        certificate_key: PEM file with its key.
    """

    service: str
    store: str
    version: int | None = None
    signers: Signers | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    cache: Path | None = None
    limits: Limits = dataclasses.field(default_factory=Limits)
    rules: Rules = dataclasses.field(default_factory=Rules)
    patience_s: float = 60.0
    poll_s: float = 0.5
    lame_s: float = 0.0
    drain_s: float = 20.0
    nursery_s: float = 60.0
    sample: float = 0.1
    flush_s: float = 60.0
    certificate: Path | None = None
    certificate_key: Path | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `serve` can be told."""
    say = parser.add_argument
    say("--service", required=True, help="which service to serve")
    say("--store", required=True, help="URI of the store whose log says what that is")
    say("--version", type=int, help="serve this version alone, whatever the log says")
    say("--signed-by", type=Path, help="PEM file of public keys; only versions that one of them signed are served")
    say("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 for all (default: %(default)s)")
    say("--port", type=int, default=8080, help="port to listen on; 0 takes a free one (default: %(default)s)")
    say("--cache", type=Path, help="private folder for the bytes of models (default: a temporary one)")
    who = parser.add_argument_group("who may ask (one of these)")
    who.add_argument("--tokens", type=Path, help="file of tokens, one a line")
    who.add_argument("--jwks", help="https URL or file of the keys that sign JSON Web Tokens")
    who.add_argument("--no-auth", action="store_true", help="everybody may ask")
    who.add_argument("--audience", default="", help="with --jwks: what a token must be for")
    who.add_argument("--issuer", default="", help="with --jwks: who must have issued it")
    who.add_argument("--open-metrics", action="store_true", help="everybody may read /metrics")
    tls = parser.add_argument_group("TLS (one of these)")
    tls.add_argument("--certificate", type=Path, help="PEM file with the certificate and its chain")
    tls.add_argument("--certificate-key", type=Path, help="PEM file with its private key")
    tls.add_argument("--plain-http", action="store_true", help="no TLS: something in front of the server has it")
    much = parser.add_argument_group("how much")
    much.add_argument("--deadline-s", type=float, default=10.0, help="of a request (default: %(default)s)")
    much.add_argument("--body-bytes", type=int, default=8 << 20, help="of a request, at most (default: %(default)s)")
    much.add_argument("--queue", type=int, default=256, help="requests that may wait (default: %(default)s)")
    much.add_argument("--queue-bytes", type=int, default=64 << 20, help="of them together (default: %(default)s)")
    much.add_argument("--batch", type=int, default=64, help="requests answered at once (default: %(default)s)")
    much.add_argument("--predictors", type=int, default=1, help="processes per version (default: %(default)s)")
    much.add_argument("--patience-s", type=float, default=60.0, help="for one batch; 0 for ever (default: %(default)s)")
    much.add_argument("--poll-s", type=float, default=0.5, help="between looks at the log (default: %(default)s)")
    much.add_argument("--lame-s", type=float, default=0.0, help="not ready, yet answering, at the end (default: 0)")
    much.add_argument("--drain-s", type=float, default=20.0, help="for what is under way then (default: %(default)s)")
    much.add_argument("--nursery-s", type=float, default=60.0, help="keep libraries imported (default: %(default)s)")
    much.add_argument("--sample", type=float, default=0.1, help="share of requests to log (default: %(default)s)")
    much.add_argument("--flush-s", type=float, default=60.0, help="until what is logged is written (default: 60)")


def settings(given: argparse.Namespace) -> Settings:
    """The settings that the arguments say.

    Raises:
        SpecError: one of them makes no sense.
    """
    _require(given)
    metrics = frozenset({"/metrics"}) if given.open_metrics else frozenset()
    return Settings(
        service=given.service,
        store=given.store,
        version=given.version,
        signers=Signers(given.signed_by) if given.signed_by is not None else None,
        host=given.host,
        port=given.port,
        cache=given.cache,
        limits=Limits(queue=given.queue, queue_bytes=given.queue_bytes, batch=given.batch, predictors=given.predictors),
        rules=Rules(given.deadline_s, given.body_bytes, metrics),
        patience_s=given.patience_s,
        poll_s=given.poll_s,
        lame_s=given.lame_s,
        drain_s=given.drain_s,
        nursery_s=given.nursery_s,
        sample=given.sample,
        flush_s=given.flush_s,
        certificate=given.certificate,
        certificate_key=given.certificate_key,
    )


def guard(given: argparse.Namespace) -> Guard:
    """Who may ask. Nobody is let in by silence: one of the ways must be named.

    Raises:
        SpecError: none is, or several are, or the one that is cannot be used.
    """
    ways = [given.tokens is not None, given.jwks is not None, given.no_auth]
    if sum(ways) != 1:
        raise SpecError(
            "who may ask must be said",
            where="serve",
            expected="one of --tokens FILE, --jwks URL, --no-auth",
            got=f"{sum(ways)} of them",
            do="Name one; --no-auth lets everybody in.",
        )
    if given.tokens is not None:
        return Tokens(given.tokens)
    if given.jwks is not None:
        if not given.audience or not given.issuer:
            raise SpecError(
                "a token must be for somebody, from somebody", where="--jwks", do="Add --audience, --issuer."
            )
        return WebTokens(given.jwks, given.audience, given.issuer)
    return Open()


def _require(given: argparse.Namespace) -> None:
    pair = (given.certificate is not None, given.certificate_key is not None)
    if given.plain_http == any(pair) or (any(pair) and not all(pair)):
        raise SpecError(
            "whether there is TLS must be said",
            where="serve",
            expected="--certificate FILE and --certificate-key FILE, or --plain-http",
            do="Name the files; --plain-http is for a server behind something that has TLS.",
        )
    for file in (given.certificate, given.certificate_key):
        if file is not None and not os.access(file, os.R_OK):
            raise SpecError("a file of the certificate cannot be read", where=str(file))
    sensible = {
        "--version": given.version is None or given.version > 0,
        "--sample": 0 <= given.sample <= 1,
        "--flush-s": given.flush_s > 0,
        "--port": 0 <= given.port < 1 << 16,
        "--deadline-s": given.deadline_s > 0,
        "--body-bytes": given.body_bytes > 0,
        "--queue": given.queue > 0,
        "--queue-bytes": given.queue_bytes > 0,
        "--batch": given.batch > 0,
        "--predictors": given.predictors > 0,
        "--patience-s": given.patience_s >= 0,
        "--poll-s": given.poll_s > 0,
        "--lame-s": given.lame_s >= 0,
        "--nursery-s": given.nursery_s >= 0,
        "--drain-s": given.drain_s >= 0,
    }
    wrong = next((name for name, good in sensible.items() if not good), None)
    if wrong is not None:
        got = getattr(given, wrong.removeprefix("--").replace("-", "_"))
        raise SpecError("this makes no sense", where=f"serve {wrong}", got=got, do="See serve --help.")
