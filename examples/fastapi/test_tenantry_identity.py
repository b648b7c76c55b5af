"""What the verifier refuses. Plain: python test_tenantry_identity.py"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_decode, base64url_encode

from tenantry_identity import BELIEVE_KEYS_S, REFETCH_S, Refused, Verifier

ISSUER, AUDIENCE, TYP = "https://app.example.com", "app", "tenantry-identity+jwt"
ED, OTHER = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
EC, RSA = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)


def jwk(algorithm: Any, key: Any, kid: str, **more: Any) -> dict[str, Any]:
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", **more}


KEYS = [
    jwk(jwt.algorithms.OKPAlgorithm, ED, "ed", alg="EdDSA"),
    jwk(jwt.algorithms.ECAlgorithm, EC, "ec", alg="ES256"),
    jwk(jwt.algorithms.RSAAlgorithm, RSA, "rsa", alg="RS256"),
    jwk(jwt.algorithms.OKPAlgorithm, OTHER, "enc", use="enc"),
    jwk(jwt.algorithms.OKPAlgorithm, OTHER, "ops", key_ops=["encrypt"]),
]
PEM = ED.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
RAW = ED.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    tenant = {"id": "t1", "slug": "acme", "name": "Acme", "plan": "free", "status": "active"}
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u1", "iat": now, "exp": now + 90, "realm": "staff", "mode": "test",
            "actor": "session", "tenant": tenant, "name": "Ada", "roles": ["OWNER"], "permissions": ["orders:read"]}
    return {name: value for name, value in {**said, **changed}.items() if value is not None}


def token(key: Any = ED, alg: str = "EdDSA", said: dict[str, Any] | None = None, **header: Any) -> str:
    """By hand: the library does not sign with a public key or without a kid, and an attacker does."""
    head = {name: value for name, value in {"typ": TYP, "kid": "ed", "alg": alg, **header}.items() if value is not None}
    body = claims() if said is None else said
    signed = b".".join(base64url_encode(json.dumps(part).encode()) for part in (head, body))
    return (signed + b"." + base64url_encode(signature(signed, key, alg))).decode()


def signature(signed: bytes, key: Any, alg: str) -> bytes:
    match alg:
        case "none":
            return key
        case "HS256":
            return hmac.new(key, signed, hashlib.sha256).digest()
        case _:
            return jwt.get_algorithm_by_name(alg).sign(signed, key)


def verifier(**more: Any) -> Verifier:
    return Verifier("", ISSUER, AUDIENCE, fetch=lambda _: json.dumps({"keys": KEYS}).encode(), **more)


def with_changed_tenant() -> str:
    head, body, signature = token().split(".")
    forged = json.loads(base64url_decode(body))
    forged["tenant"]["id"] = "t2"
    return f"{head}.{base64url_encode(json.dumps(forged).encode()).decode()}.{signature}"


GOOD = {
    "EdDSA": token(),
    "ES256": token(EC, "ES256", kid="ec"),
    "issued ahead": token(said=claims(iat=int(time.time()) + 60)),
}
REFUSED: dict[str, list[str]] = {
    "no header": [],
    "two headers": [GOOD["EdDSA"], GOOD["EdDSA"]],
    "two in one": [f"{GOOD['EdDSA']}, {GOOD['EdDSA']}"],
    "empty": [""],
    "no token": ["a.b"],
    "space around": [f" {GOOD['EdDSA']}"],
    "newline after": [f"{GOOD['EdDSA']}\n"],
    "padded": [f"{GOOD['EdDSA']}="],
    "too long": [token(said=claims(name="x" * 5000))],
    "typ JWT": [token(typ="JWT")],
    "no typ": [token(typ=None)],
    "typ of another token of ours": [token(typ="at+jwt")],
    "alg none": [token(b"", "none")],
    "alg none, any signature": [token(b"x", "none")],
    "HS256 with the public key in PEM": [token(PEM, "HS256")],
    "HS256 with the public key's bytes": [token(RAW, "HS256")],
    "RS256 by a key of the set": [token(RSA, "RS256", kid="rsa")],
    "a key for encryption": [token(OTHER, kid="enc")],
    "a key for other operations": [token(OTHER, kid="ops")],
    "another key's signature": [token(OTHER)],
    "another algorithm than the key's": [token(EC, "ES256", kid="ed")],
    "unknown kid": [token(kid="nobody")],
    "no kid": [token(kid=None)],
    "crit": [token(crit=["exp"])],
    "another tenant written in": [with_changed_tenant()],
    "expired": [token(said=claims(exp=int(time.time()) - 6))],
    "no exp": [token(said=claims(exp=None))],
    "another aud": [token(said=claims(aud="console"))],
    "aud among others": [token(said=claims(aud=[AUDIENCE, "console"]))],
    "no aud": [token(said=claims(aud=None))],
    "another iss": [token(said=claims(iss="https://app.example.com.evil.example"))],
    "no iss": [token(said=claims(iss=None))],
    "no sub": [token(said=claims(sub=None))],
    "permissions of no words": [token(said=claims(permissions="orders:read"))],
    "a tenant without id": [token(said=claims(tenant={"slug": "acme"}))],
}


def is_refused(what: Callable[[], Any]) -> bool:
    try:
        what()
    except Refused:
        return True
    return False


def unknown_keys_are_asked_for_once_in_ten_seconds() -> None:
    now, asked, answers = [0.0], [], [b"no JSON", json.dumps({"keys": KEYS}).encode()]
    def fetch(_: str) -> bytes:
        asked.append(now[0])
        if len(asked) > len(answers):
            raise OSError("away")
        return answers[len(asked) - 1]
    known = Verifier("", ISSUER, AUDIENCE, fetch=fetch, clock=lambda: now[0])
    assert is_refused(lambda: known.verify([GOOD["EdDSA"]])), "no key set, no identity"
    assert is_refused(lambda: known.verify([GOOD["EdDSA"]])) and asked == [0]
    now[0] = REFETCH_S
    assert known.verify([GOOD["EdDSA"]]).world == ("t1", "test") and asked == [0, REFETCH_S]
    for _ in range(100):
        assert is_refused(lambda: known.verify([token(kid="nobody")]))
    assert asked == [0, REFETCH_S]
    now[0] = 2 * REFETCH_S
    assert is_refused(lambda: known.verify([token(kid="nobody")])) and len(asked) == 3
    known.verify([GOOD["EdDSA"]])  # the set is away, and what is known holds
    now[0] = REFETCH_S + BELIEVE_KEYS_S + 1
    assert is_refused(lambda: known.verify([GOOD["EdDSA"]])), "for a while"


def nobodys_request_belongs_to_no_world() -> None:
    nobody = verifier().verify([token(said=claims(tenant=None, mode=None, name=None))])
    assert nobody.tenant is None and is_refused(lambda: nobody.world)


if __name__ == "__main__":
    for name, value in GOOD.items():
        assert verifier().verify([value]).tenant.slug == "acme", name
    for name, values in REFUSED.items():
        assert is_refused(lambda: verifier().verify(values)), f"accepted: {name}"
    unknown_keys_are_asked_for_once_in_ten_seconds()
    nobodys_request_belongs_to_no_world()
    print(f"{len(GOOD)} accepted, {len(REFUSED)} refused")
