"""Verifies Tenantry-Identity. One file: copy it beside your app, with PyJWT and cryptography.

    app.add_middleware(RequireIdentity)                          # nothing unverified gets any further
    Caller = Annotated[Identity, Depends(caller)]                # in a route: who is calling, for whom

Everything that is not proven is refused, also when the key set cannot be fetched. RequireIdentity is plain ASGI and
serves Starlette, FastAPI, Litestar and Django alike; anything else can call Verifier.verify with the header's values.
"""

import asyncio
import json
import os
import re
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

HEADER = "tenantry-identity"
TYP = "tenantry-identity+jwt"
# What Tenantry signs with, by (kty, crv) of the key. The token does not get to choose (RFC 8725, 3.1).
ALGORITHMS = {("OKP", "Ed25519"): "EdDSA", ("EC", "P-256"): "ES256"}
REFETCH_S = 10  # an unknown key makes us ask again at most so often, whoever invents the keys
BELIEVE_KEYS_S = 300  # a withdrawn key is forgotten after so long
LEEWAY_S = 5  # between the clocks of two machines
TOKEN_BYTES_MAX = 4096
JWKS_BYTES_MAX = 64 * 1024
FETCH_TIMEOUT_S = 5
COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class Refused(Exception):
    """The request does not say who is calling in a way that can be believed. Answer 401."""


@dataclass(frozen=True, slots=True)
class Tenant:
    id: str
    slug: str
    name: str
    plan: str
    status: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is calling: docs/app-contract.md has each claim."""

    subject: str
    actor: str  # session, api_key, cron, anonymous
    realm: str
    tenant: Tenant | None  # None where neither host nor credential names one
    mode: str | None  # live, test
    name: str | None
    email: str | None
    roles: tuple[str, ...]
    permissions: frozenset[str]
    expires_at_s: int

    @property
    def world(self) -> tuple[str, str]:
        """Tenant and mode: the key under which an app keeps everything."""
        if self.tenant is None or self.mode is None:
            raise Refused("this request belongs to no tenant")
        return self.tenant.id, self.mode


class Verifier:
    """Checks headers against the key set that it knows. Safe to share between threads."""

    def __init__(
        self,
        jwks_url: str,
        issuer: str,
        audience: str,
        fetch: Callable[[str], bytes] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url, self._issuer, self._audience = jwks_url, issuer, audience
        self._fetch, self._clock = fetch or _fetch, clock
        self._lock = threading.Lock()
        self._keys: Mapping[str, tuple[str, Any]] = {}
        self._asked_at = self._fetched_at = float("-inf")

    @classmethod
    def from_environment(cls) -> "Verifier":
        """TENANTRY_JWKS_URL, TENANTRY_ISSUER and TENANTRY_AUDIENCE, as `tenantry dev` sets them."""
        try:
            return cls(*(os.environ[f"TENANTRY_{name}"] for name in ("JWKS_URL", "ISSUER", "AUDIENCE")))
        except KeyError as missing:
            raise RuntimeError(f"set {missing.args[0]}, or start this app by `tenantry dev -- COMMAND`") from None

    def verify(self, values: Sequence[str]) -> Identity:
        """Takes every value of the header that came; more or fewer than one is refused."""
        if len(values) != 1:
            raise Refused("Tenantry-Identity must be there exactly once")
        token = values[0]
        if len(token) > TOKEN_BYTES_MAX or not COMPACT.fullmatch(token):
            raise Refused("Tenantry-Identity is no token")
        try:
            algorithm, key = self._key_for(jwt.get_unverified_header(token))
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_S,
                # iat is no reason to refuse: `tenantry dev` can move its clock ahead.
                options={"require": ["exp", "iat", "iss", "aud", "sub"], "strict_aud": True, "verify_iat": False},
            )
            return _identity(claims)
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as fault:
            raise Refused(f"Tenantry-Identity does not hold: {fault}") from fault

    def _key_for(self, header: Mapping[str, Any]) -> tuple[str, Any]:
        if header.get("typ") != TYP or "crit" in header:
            raise Refused("this token is of another kind")
        kid = header.get("kid")
        if not isinstance(kid, str):
            raise Refused("the token names no key")
        algorithm, key = self._known(kid)
        if header.get("alg") != algorithm:
            raise Refused("the token's algorithm is not its key's")
        return algorithm, key

    def _known(self, kid: str) -> tuple[str, Any]:
        with self._lock:
            now = self._clock()
            is_stale = now - self._fetched_at > BELIEVE_KEYS_S
            if (is_stale or kid not in self._keys) and now - self._asked_at >= REFETCH_S:
                self._asked_at = now
                self._refresh(now)
                is_stale = now - self._fetched_at > BELIEVE_KEYS_S
            if is_stale or kid not in self._keys:
                raise Refused("the token's key is not in the key set")
            return self._keys[kid]

    def _refresh(self, now: float) -> None:
        try:
            self._keys = _keys(json.loads(self._fetch(self._url)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError):
            return  # what we know holds until it is stale
        self._fetched_at = now


def _fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=FETCH_TIMEOUT_S) as answer:  # noqa: S310, the URL is configuration
        body = answer.read(JWKS_BYTES_MAX + 1)
    if len(body) > JWKS_BYTES_MAX:
        raise ValueError("the key set is too large")
    return body


def _keys(jwks: Any) -> dict[str, tuple[str, Any]]:
    """Signing keys of our algorithms, by name; others are none of our business."""
    keys = {}
    for jwk in jwks["keys"]:
        algorithm = ALGORITHMS.get((jwk.get("kty"), jwk.get("crv")))
        is_for_this = jwk.get("use", "sig") == "sig" and "verify" in jwk.get("key_ops", ["verify"])
        if algorithm and is_for_this and jwk.get("alg", algorithm) == algorithm:
            keys[jwk["kid"]] = (algorithm, jwt.PyJWK.from_dict(jwk, algorithm=algorithm).key)
    return keys


def _identity(claims: Mapping[str, Any]) -> Identity:
    tenant = claims.get("tenant")
    return Identity(
        subject=_text(claims, "sub"),
        actor=_text(claims, "actor"),
        realm=_text(claims, "realm"),
        tenant=None if tenant is None else Tenant(**{name: _text(tenant, name) for name in Tenant.__slots__}),
        mode=_text(claims, "mode") if "mode" in claims else None,
        name=_text(claims, "name") if "name" in claims else None,
        email=_text(claims, "email") if "email" in claims else None,
        roles=tuple(_texts(claims, "roles")),
        permissions=frozenset(_texts(claims, "permissions")),
        expires_at_s=int(claims["exp"]),
    )


def _text(claims: Mapping[str, Any], name: str) -> str:
    if not isinstance(claims[name], str):
        raise TypeError(f"{name} is no text")
    return claims[name]


def _texts(claims: Mapping[str, Any], name: str) -> list[str]:
    if not isinstance(claims[name], list) or not all(isinstance(word, str) for word in claims[name]):
        raise TypeError(f"{name} is no list of words")
    return claims[name]


class RequireIdentity:
    """ASGI middleware: refuses every request without a valid identity, and keeps the valid one for `caller`."""

    def __init__(self, app: Any, verifier: Verifier | None = None) -> None:
        self._app, self._verifier = app, verifier or Verifier.from_environment()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        values = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == HEADER.encode()]
        try:
            # In a thread, because an unknown key is fetched.
            scope.setdefault("state", {})["identity"] = await asyncio.to_thread(self._verifier.verify, values)
        except Refused as refused:
            return await _refuse(scope["type"], str(refused), send)
        await self._app(scope, receive, send)


async def _refuse(kind: str, why: str, send: Any) -> None:
    if kind == "websocket":
        return await send({"type": "websocket.close", "code": 1008})
    body = json.dumps({"title": "Unauthorized", "status": 401, "detail": why}).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})


try:
    from starlette.requests import HTTPConnection
except ImportError:  # another framework: read scope["state"]["identity"]
    pass
else:

    def caller(connection: HTTPConnection) -> Identity:
        """For Depends of FastAPI. Fails where RequireIdentity was forgotten."""
        return connection.scope["state"]["identity"]
