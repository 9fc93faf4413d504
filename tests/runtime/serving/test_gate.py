"""Who is let in: by a token of a file, by a signed web token, or, if that was said, everybody."""

import asyncio
import json
import re
import socketserver
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from runtime.serving.kit import ROW, serving, until
from taxiway.core.errors import SpecError
from taxiway.runtime.__main__ import main
from taxiway.runtime.serving import gate
from taxiway.runtime.serving.gate import Tokens, WebTokens, bearer

TOKEN, OTHER = "a-token-of-some-length", "another-token-of-some-length"
AUDIENCE, ISSUER = "flights", "https://issuer.example"
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
STRANGER = rsa.generate_private_key(65537, 2048)


def refusal(guard, proof):
    return asyncio.run(guard.refuses(proof))


def key_set(file, **keys):
    made = []
    for name, key in keys.items():
        algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
        made.append({**json.loads(algorithm.to_jwk(key.public_key())), "kid": name})
    file.write_text(json.dumps({"keys": made}))
    return file


def web_token(key=RSA, name="one", algorithm="RS256", **claims):
    given = {"aud": AUDIENCE, "iss": ISSUER, "exp": time.time() + 3600, "sub": "ann", **claims}
    return jwt.encode({k: v for k, v in given.items() if v is not None}, key, algorithm, headers={"kid": name})


@pytest.fixture
def tokens(tmp_path):
    file = tmp_path / "tokens"
    file.write_text(f"# who may ask\n{TOKEN}\n\n{OTHER}\n")
    return file


@pytest.fixture
def web(tmp_path):
    return WebTokens(str(key_set(tmp_path / "keys.json", one=RSA, two=EC)), AUDIENCE, ISSUER)


class Issuer(socketserver.ThreadingTCPServer):
    """Gives every caller the same answer."""

    answer = b""
    daemon_threads = True

    class RequestHandlerClass(socketserver.StreamRequestHandler):
        def handle(self):
            while self.rfile.readline().strip():
                pass
            self.wfile.write(self.server.answer)


@pytest.fixture
def issuer(tmp_path):
    keys = key_set(tmp_path / "published.json", one=RSA).read_bytes()
    with Issuer(("127.0.0.1", 0), Issuer.RequestHandlerClass) as server:
        server.answer = b"HTTP/1.0 200 OK\r\n\r\n" + keys
        server.url = f"http://127.0.0.1:{server.server_address[1]}/keys"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_token_of_the_file_is_let_in_and_no_other(tokens):
    guard = Tokens(tokens)
    assert refusal(guard, TOKEN) == refusal(guard, OTHER) == ""
    for wrong in ("", TOKEN[:-1], f"{TOKEN}x", "# who may ask", "é"):
        assert refusal(guard, wrong) == "this token is not known"


def test_tokens_can_be_replaced_and_a_broken_file_changes_nothing(tokens, monkeypatch):
    monkeypatch.setattr(gate, "_LOOK_AGAIN_S", -1)
    guard = Tokens(tokens)
    tokens.write_text("a-new-token-of-some-length")
    assert refusal(guard, TOKEN) == "this token is not known"
    assert refusal(guard, "a-new-token-of-some-length") == ""
    tokens.write_text("short")
    assert refusal(guard, "a-new-token-of-some-length") == ""


@pytest.mark.parametrize("text", ["", "# nothing\n", "short\n", f"{TOKEN}\nshort\n"])
def test_a_file_without_secrets_is_refused(tmp_path, text):
    (tmp_path / "tokens").write_text(text)
    with pytest.raises(SpecError, match=r"no file of tokens.*token_urlsafe"):
        Tokens(tmp_path / "tokens")
    with pytest.raises(SpecError, match="cannot be read"):
        Tokens(tmp_path / "missing")


def test_a_web_token_of_the_issuer_for_this_audience_is_let_in(web):
    assert refusal(web, web_token()) == ""
    assert refusal(web, web_token(EC, "two", "ES256")) == ""


@pytest.mark.parametrize(
    ("proof", "reason"),
    [
        ("", "not valid"),
        ("a.b.c", "not valid"),
        (web_token(STRANGER), "Signature verification failed"),
        (web_token(name="three"), "does not publish"),
        (web_token(EC, "one", "ES256"), "not valid"),
        (web_token(aud="hotels"), "Audience"),
        (web_token(aud=None), "aud"),
        (web_token(iss="https://other.example"), "issuer"),
        (web_token(exp=time.time() - 60), "expired"),
        (web_token(exp=None), "exp"),
        (web_token("secret" * 10, algorithm="HS256"), "not valid"),
        (jwt.encode({"aud": AUDIENCE, "iss": ISSUER, "exp": time.time() + 3600}, "", "none"), "does not publish"),
        (jwt.encode({"aud": AUDIENCE, "iss": ISSUER}, None, "none", headers={"kid": "one"}), "not valid"),
    ],
)
def test_any_other_web_token_is_refused(web, proof, reason):
    assert reason in refusal(web, proof)


def test_a_public_key_is_no_shared_secret(web, tmp_path):
    """The old trick: a token signed by HMAC with the public key, which everybody has."""
    import base64
    import hashlib
    import hmac

    def part(data):
        return base64.urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).rstrip(b"=")

    from cryptography.hazmat.primitives import serialization as s

    public = RSA.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
    claims = {"aud": AUDIENCE, "iss": ISSUER, "exp": time.time() + 3600}
    text = part({"alg": "HS256", "kid": "one"}) + b"." + part(claims)
    forged = text + b"." + part(hmac.new(public, text, hashlib.sha256).digest())
    assert "not valid" in refusal(web, forged.decode())


def test_a_token_that_passed_passes_only_until_it_expires(web):
    proof = web_token(exp=time.time() + 2)
    assert refusal(web, proof) == refusal(web, proof) == ""
    until(lambda: "expired" in refusal(web, proof))


def test_keys_are_fetched_again_when_one_is_not_known(tmp_path, monkeypatch):
    monkeypatch.setattr(gate, "_LOOK_AGAIN_S", -1)
    file = key_set(tmp_path / "keys.json", one=RSA)
    web = WebTokens(str(file), AUDIENCE, ISSUER)
    assert refusal(web, web_token(EC, "two", "ES256")) != ""
    key_set(file, two=EC)
    assert refusal(web, web_token(EC, "two", "ES256")) == ""
    file.unlink()
    assert "does not publish" in refusal(web, web_token(name="three"))
    assert refusal(web, web_token(EC, "two", "ES256", sub="bob")) == ""


def test_keys_come_from_the_issuers_address_and_the_old_ones_hold_when_it_fails(issuer, monkeypatch):
    monkeypatch.setattr(gate, "_LOOK_AGAIN_S", -1)
    web = WebTokens(issuer.url, AUDIENCE, ISSUER)
    assert refusal(web, web_token()) == ""
    for answer in (b"HTTP/1.0 503 away\r\n\r\n", b"nonsense\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n{"):
        issuer.answer = answer
        assert "does not publish" in refusal(web, web_token(name="three"))
        assert refusal(web, web_token(sub="bob")) == ""


def test_keys_that_an_address_hands_on_without_tls_are_not_taken(issuer, monkeypatch):
    web = WebTokens(issuer.url, AUDIENCE, ISSUER)
    monkeypatch.setattr(gate, "_LOOPBACK", ())
    assert "does not publish" in refusal(web, web_token())


def test_keys_that_would_come_without_tls_are_refused():
    with pytest.raises(SpecError, match="without TLS prove nothing"):
        WebTokens("http://issuer.example/keys", AUDIENCE, ISSUER)
    WebTokens("http://127.0.0.1:8000/keys", AUDIENCE, ISSUER)


@pytest.mark.parametrize(
    ("header", "proof"), [(b"Bearer abc", "abc"), (b"bearer  abc ", "abc"), (b"Basic abc", ""), (b"abc", ""), (b"", "")]
)
def test_a_bearer_is_who_says_so(header, proof):
    assert bearer({b"authorization": header}) == proof


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "who may ask must be said"),
        (("--no-auth", "--jwks", "x"), "who may ask must be said"),
        (("--jwks", "x"), "a token must be for somebody"),
        (("--no-auth", "--plain-http=no"), "unrecognized|ignored explicit argument"),
        (("--no-auth", "--certificate", "/nowhere"), "whether there is TLS must be said"),
        (("--no-auth", "--certificate", "/nowhere", "--certificate-key", "/nowhere"), "cannot be read"),
        (("--no-auth", "--plain-http", "--sample", "2"), "serve --sample: this makes no sense"),
        (("--no-auth", "--plain-http", "--deadline-s", "0"), "serve --deadline-s: this makes no sense"),
    ],
)
def test_a_server_is_never_open_by_silence(options, said, capsys):
    plain = [] if any(one.startswith(("--plain", "--certificate")) for one in options) else ["--plain-http"]
    try:
        code = main(["serve", "--service", "x", "--store", "memory://x", *options, *plain])
    except SystemExit as error:
        code = error.code
    assert code in (1, 2)
    assert re.search(said, capsys.readouterr().err)


def test_files_that_are_no_certificate_are_said_at_once(tmp_path, capsys):
    (tmp_path / "cert.pem").write_text("nothing")
    words = ["--certificate", str(tmp_path / "cert.pem"), "--certificate-key", str(tmp_path / "cert.pem")]
    assert main(["serve", "--service", "x", "--store", "memory://x", "--port", "0", "--no-auth", *words]) == 1
    assert "this is no certificate and its key" in capsys.readouterr().err


def test_every_path_but_health_is_closed_to_those_who_prove_nothing(field, tokens):
    field.serve(field.moody())
    with serving(field, "--tokens", str(tokens)) as server:
        server.until_ready()
        proof = {"authorization": f"Bearer {TOKEN}"}
        assert server.get("/v2/health/live").status == 200
        paths = {path: [*methods] for path, methods in server.get("/openapi.json", **proof).json["paths"].items()}
        assert len(paths) > 10
        closed = {path: methods for path, methods in paths.items() if "/health/" not in path}
        closed |= {"/docs": ["get"], "/openapi.json": ["get"], "/nothing": ["get"], "/v2/health/live/": ["get"]}
        closed |= {"//v2/health/live": ["get"], "/v2/health/../models": ["get"], "/V2/HEALTH/LIVE": ["get"]}
        for template, methods in closed.items():
            path = template.replace("{model}", "flight-delay").replace("{version}", "1")
            for method in methods:
                reply = server.ask(method.upper(), path, {"rows": [ROW]} if method == "post" else None)
                assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer"), (method, path)
                assert server.ask(method.upper(), path, headers={"authorization": "Bearer wrong"}).status == 401
        assert server.predict(**proof).status == 200


def test_web_tokens_and_tls_work_together_and_metrics_can_be_opened_by_themselves(field, tmp_path):
    certificate, key = certify(tmp_path)
    keys = key_set(tmp_path / "keys.json", one=RSA)
    field.serve(field.moody())
    gate_ = ("--jwks", str(keys), "--audience", AUDIENCE, "--issuer", ISSUER, "--open-metrics")
    tls = ("--certificate", str(certificate), "--certificate-key", str(key))
    trust = ssl.create_default_context(cafile=str(certificate))
    with serving(field, *gate_, *tls, trust=trust) as server:
        server.until_ready()
        assert server.predict().status == 401
        assert server.predict(authorization=f"Bearer {web_token()}").status == 200
        assert server.get("/metrics").status == 200
        assert server.get("/status").status == 401


def certify(folder):
    """A certificate of our own for the loopback interface."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    return folder / "cert.pem", folder / "key.pem"
