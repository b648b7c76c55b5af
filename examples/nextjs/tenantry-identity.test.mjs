// What the verifier refuses. Plain: node tenantry-identity.test.mjs

import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import ts from "typescript";

const source = readFileSync(new URL("tenantry-identity.ts", import.meta.url), "utf8");
const { outputText } = ts.transpileModule(source, { compilerOptions: { module: ts.ModuleKind.ESNext, target: "es2022" } });
const { Refused, Verifier, worldOf } = await import(`data:text/javascript,${encodeURIComponent(outputText)}`);

const [issuer, audience, TYP] = ["https://app.example.com", "app", "tenantry-identity+jwt"];
const NOW_S = 1_800_000_000;
const [ed, other] = [generateKeyPairSync("ed25519"), generateKeyPairSync("ed25519")];
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const jwk = (pair, kid, more) => ({ ...pair.publicKey.export({ format: "jwk" }), kid, use: "sig", ...more });
const KEYS = JSON.stringify({
  keys: [
    jwk(ed, "ed", { alg: "EdDSA" }),
    jwk(ec, "ec", { alg: "ES256" }),
    jwk(rsa, "rsa"),
    jwk(other, "enc", { use: "enc" }),
    jwk(other, "ops", { key_ops: ["encrypt"] }),
  ],
});

const tenant = { id: "t1", slug: "acme", name: "Acme", plan: "free", status: "active" };
const claims = (changed) => ({
  iss: issuer, aud: audience, sub: "u1", iat: NOW_S, exp: NOW_S + 90, realm: "staff", actor: "session", mode: "test",
  tenant, name: "Ada", roles: ["OWNER"], permissions: ["orders:read"], ...changed,
});
const encode = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");
const SIGN = {
  EdDSA: (text, key) => sign(null, text, key),
  ES256: (text, key) => sign("sha256", text, { key, dsaEncoding: "ieee-p1363" }),
  RS256: (text, key) => sign("sha256", text, key),
  HS256: (text, key) => createHmac("sha256", key).update(text).digest(),
  none: () => Buffer.alloc(0),
};
function token({ key = ed.privateKey, alg = "EdDSA", said = {}, ...header } = {}) {
  const signed = `${encode({ typ: TYP, kid: "ed", alg, ...header })}.${encode(claims(said))}`;
  return `${signed}.${SIGN[alg](Buffer.from(signed), key).toString("base64url")}`;
}
function withChangedTenant() {
  const [head, , signature] = token().split(".");
  return `${head}.${encode(claims({ tenant: { ...tenant, id: "t2" } }))}.${signature}`;
}
const der = (pair) => pair.publicKey.export({ format: "der", type: "spki" });

const GOOD = {
  EdDSA: token(),
  ES256: token({ key: ec.privateKey, alg: "ES256", kid: "ec" }),
  "issued ahead": token({ said: { iat: NOW_S + 60 } }),
};
const REFUSED = {
  "no header": null,
  "two headers": [token(), token()],
  "two in one": `${token()}, ${token()}`,
  empty: "",
  "no token": "a.b",
  "space around": ` ${token()}`,
  "newline after": `${token()}\n`,
  padded: `${token()}=`,
  "too long": token({ said: { name: "x".repeat(5000) } }),
  "typ JWT": token({ typ: "JWT" }),
  "typ of another token of ours": token({ typ: "at+jwt" }),
  "no typ": token({ typ: undefined }),
  "alg none": token({ alg: "none" }),
  "alg none, any signature": `${token({ alg: "none" })}eA`,
  "HS256 with the public key in PEM": token({ alg: "HS256", key: ed.publicKey.export({ format: "pem", type: "spki" }) }),
  "HS256 with the public key's bytes": token({ alg: "HS256", key: der(ed).subarray(-32) }),
  "RS256 by a key of the set": token({ alg: "RS256", key: rsa.privateKey, kid: "rsa" }),
  "a key for encryption": token({ key: other.privateKey, kid: "enc" }),
  "a key for other operations": token({ key: other.privateKey, kid: "ops" }),
  "another key's signature": token({ key: other.privateKey }),
  "another algorithm than the key's": token({ alg: "ES256", key: ec.privateKey, kid: "ed" }),
  "a signature in DER": token({ key: ec.privateKey, alg: "ES256", kid: "ec" }).replace(/[^.]*$/, sign("sha256", "x", ec.privateKey).toString("base64url")),
  "unknown kid": token({ kid: "nobody" }),
  "no kid": token({ kid: undefined }),
  "kid of every object": token({ kid: "constructor" }),
  crit: token({ crit: ["exp"] }),
  "another tenant written in": withChangedTenant(),
  expired: token({ said: { exp: NOW_S - 5 } }),
  "no exp": token({ said: { exp: undefined } }),
  "exp in words": token({ said: { exp: "9999999999" } }),
  "another aud": token({ said: { aud: "console" } }),
  "aud among others": token({ said: { aud: [audience, "console"] } }),
  "no aud": token({ said: { aud: undefined } }),
  "another iss": token({ said: { iss: "https://app.example.com.evil.example" } }),
  "no iss": token({ said: { iss: undefined } }),
  "no sub": token({ said: { sub: undefined } }),
  "permissions of no words": token({ said: { permissions: "orders:read" } }),
  "a tenant without id": token({ said: { tenant: { slug: "acme" } } }),
  "a tenant of null": token({ said: { tenant: null } }),
};

const verifier = (more) =>
  new Verifier({ jwksUrl: "", issuer, audience, nowMs: () => NOW_S * 1000, fetchKeys: async () => KEYS, ...more });

for (const [name, value] of Object.entries(GOOD)) assert.equal((await verifier().verify(value)).tenant.slug, "acme", name);
for (const [name, value] of Object.entries(REFUSED)) await assert.rejects(verifier().verify(value), Refused, name);

// Unknown keys are asked for once in ten seconds.
let [nowMs, asked] = [NOW_S * 1000, 0];
const answers = ["no JSON", KEYS];
const known = verifier({
  nowMs: () => nowMs,
  fetchKeys: async () => answers[asked++] ?? assert.fail("the set is away"),
});
const lasting = token({ said: { exp: NOW_S + 1000 } });
await assert.rejects(known.verify(lasting), Refused, "no key set, no identity");
await assert.rejects(known.verify(lasting), Refused);
assert.equal(asked, 1);
nowMs += 10_000;
const together = await Promise.all([known.verify(lasting), known.verify(lasting), known.verify(lasting)]);
assert.deepEqual([asked, ...together.map(worldOf)], [2, "t1/test", "t1/test", "t1/test"]);
for (let at = 0; at < 100; at++) await assert.rejects(known.verify(token({ kid: "nobody" })), Refused);
assert.equal(asked, 2);
nowMs += 10_000;
await assert.rejects(known.verify(token({ kid: "nobody" })), Refused);
assert.equal(asked, 3);
await known.verify(lasting); // the set is away, and what is known holds
nowMs += 291_000;
await assert.rejects(known.verify(lasting), Refused, "for a while");

const nobody = await verifier().verify(token({ said: { tenant: undefined, mode: undefined } }));
assert.throws(() => worldOf(nobody), Refused);
console.log(`${Object.keys(GOOD).length} accepted, ${Object.keys(REFUSED).length} refused`);
