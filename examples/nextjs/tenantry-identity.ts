// Verifies Tenantry-Identity. One file without dependencies: copy it into your app. Node 20 or newer.
//
//   const verifier = Verifier.fromEnvironment();
//   const identity = await verifier.verify(request.headers.get("tenantry-identity"));   // throws Refused
//
// Everything that is not proven is refused, also when the key set cannot be fetched.

import { type JsonWebKey, type KeyObject, createPublicKey, verify } from "node:crypto";

export const HEADER = "tenantry-identity";
const TYP = "tenantry-identity+jwt";
/** An unknown key makes us ask again at most so often, whoever invents the keys. */
const REFETCH_MS = 10_000;
/** A withdrawn key is forgotten after so long. */
const BELIEVE_KEYS_MS = 300_000;
/** Between the clocks of two machines. */
const LEEWAY_S = 5;
const TOKEN_CHARS_MAX = 4096;
const JWKS_CHARS_MAX = 64 * 1024;
const FETCH_TIMEOUT_MS = 5_000;
/** Both algorithms sign in 64 bytes. */
const SIGNATURE_BYTES = 64;
/** Two headers of one name are joined by a comma, which no token has: what comes twice is no token. */
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** The request does not say who is calling in a way that can be believed. Answer 401. */
export class Refused extends Error {}

export interface Tenant {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly plan: string;
  readonly status: string;
}

/** Who is calling: docs/app-contract.md has each claim. */
export interface Identity {
  readonly subject: string;
  /** session, api_key, cron, anonymous */
  readonly actor: string;
  readonly realm: string;
  /** Missing where neither host nor credential names one. */
  readonly tenant?: Tenant;
  /** live, test */
  readonly mode?: string;
  readonly name?: string;
  readonly email?: string;
  readonly roles: readonly string[];
  readonly permissions: ReadonlySet<string>;
  readonly expiresAtS: number;
}

/** Tenant and mode: the key under which an app keeps everything. */
export function worldOf(identity: Identity): string {
  if (!identity.tenant || !identity.mode) throw new Refused("this request belongs to no tenant");
  return `${identity.tenant.id}/${identity.mode}`;
}

export interface Options {
  jwksUrl: string;
  issuer: string;
  audience: string;
  /** The text of the key set. */
  fetchKeys?: (url: string) => Promise<string>;
  nowMs?: () => number;
}

/** The token does not get to choose its algorithm: its key does (RFC 8725, 3.1). */
type Algorithm = "EdDSA" | "ES256";
type Key = { algorithm: Algorithm; key: KeyObject };

export class Verifier {
  readonly #options: Required<Options>;
  #keys: ReadonlyMap<string, Key> = new Map();
  #askedAtMs = -Infinity;
  #fetchedAtMs = -Infinity;
  #refreshing: Promise<void> | undefined;

  constructor(options: Options) {
    this.#options = { fetchKeys: fetchText, nowMs: Date.now, ...options };
  }

  /** TENANTRY_JWKS_URL, TENANTRY_ISSUER and TENANTRY_AUDIENCE, as `tenantry dev` sets them. */
  static fromEnvironment(): Verifier {
    return new Verifier({
      jwksUrl: fromEnvironment("TENANTRY_JWKS_URL"),
      issuer: fromEnvironment("TENANTRY_ISSUER"),
      audience: fromEnvironment("TENANTRY_AUDIENCE"),
    });
  }

  /** Takes the header's value, or all of them; more or fewer than one is refused. */
  async verify(header: string | readonly string[] | null | undefined): Promise<Identity> {
    const values = typeof header === "string" ? [header] : (header ?? []);
    const token = values[0];
    if (values.length !== 1 || token === undefined) throw new Refused("Tenantry-Identity must be there exactly once");
    if (token.length > TOKEN_CHARS_MAX || !COMPACT.test(token)) throw new Refused("Tenantry-Identity is no token");
    const [head = "", body = "", signature = ""] = token.split(".");
    const { algorithm, key } = await this.#keyFor(decode(head));
    if (!isSigned(`${head}.${body}`, Buffer.from(signature, "base64url"), algorithm, key)) {
      throw new Refused("the signature does not hold");
    }
    return this.#identity(decode(body));
  }

  async #keyFor(head: Claims): Promise<Key> {
    if (head.typ !== TYP || "crit" in head) throw new Refused("this token is of another kind");
    const kid = text(head, "kid");
    let key = this.#known(kid);
    if (!key) {
      await this.#refresh();
      key = this.#known(kid);
    }
    if (!key) throw new Refused("the token's key is not in the key set");
    if (head.alg !== key.algorithm) throw new Refused("the token's algorithm is not its key's");
    return key;
  }

  #known(kid: string): Key | undefined {
    const isStale = this.#options.nowMs() - this.#fetchedAtMs > BELIEVE_KEYS_MS;
    return isStale ? undefined : this.#keys.get(kid);
  }

  /** Requests that come while the set is fetched wait for the same answer. */
  async #refresh(): Promise<void> {
    const now = this.#options.nowMs();
    if (!this.#refreshing && now - this.#askedAtMs >= REFETCH_MS) {
      this.#askedAtMs = now;
      this.#refreshing = this.#fetch(now).finally(() => (this.#refreshing = undefined));
    }
    await this.#refreshing;
  }

  async #fetch(now: number): Promise<void> {
    try {
      this.#keys = readKeys(await this.#options.fetchKeys(this.#options.jwksUrl));
      this.#fetchedAtMs = now;
    } catch {
      // What we know holds until it is stale.
    }
  }

  #identity(claims: Claims): Identity {
    const now = this.#options.nowMs() / 1000;
    const { exp, tenant } = claims;
    if (claims.iss !== this.#options.issuer) throw new Refused("the token has another issuer");
    if (claims.aud !== this.#options.audience) throw new Refused("the token is for another audience");
    // iat is no reason to refuse: `tenantry dev` can move its clock ahead.
    if (typeof exp !== "number" || typeof claims.iat !== "number") throw new Refused("the token has no end");
    if (!(now < exp + LEEWAY_S)) throw new Refused("the token has expired");
    return {
      subject: text(claims, "sub"),
      actor: text(claims, "actor"),
      realm: text(claims, "realm"),
      tenant: tenant === undefined ? undefined : readTenant(object(tenant)),
      mode: optional(claims, "mode"),
      name: optional(claims, "name"),
      email: optional(claims, "email"),
      roles: texts(claims, "roles"),
      permissions: new Set(texts(claims, "permissions")),
      expiresAtS: exp,
    };
  }
}

type Claims = Readonly<Record<string, unknown>>;

function isSigned(signed: string, signature: Buffer, algorithm: Algorithm, key: KeyObject): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false;
  return algorithm === "EdDSA"
    ? verify(null, Buffer.from(signed), key, signature)
    : verify("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" }, signature);
}

/** Signing keys of our algorithms, by name; others are none of our business. */
function readKeys(jwks: string): ReadonlyMap<string, Key> {
  const listed = object(JSON.parse(jwks)).keys;
  if (!Array.isArray(listed)) throw new Refused("the key set has no keys");
  const keys = new Map<string, Key>();
  for (const jwk of listed.map(object)) {
    const algorithm = algorithmOf(jwk);
    const operations = jwk.key_ops ?? ["verify"];
    const isForThis = (jwk.use ?? "sig") === "sig" && Array.isArray(operations) && operations.includes("verify");
    if (!algorithm || !isForThis || (jwk.alg ?? algorithm) !== algorithm) continue;
    const { kty, crv, x, y } = jwk as JsonWebKey;
    keys.set(text(jwk, "kid"), { algorithm, key: createPublicKey({ key: { kty, crv, x, y }, format: "jwk" }) });
  }
  return keys;
}

function algorithmOf(jwk: Claims): Algorithm | undefined {
  if (jwk.kty === "OKP" && jwk.crv === "Ed25519") return "EdDSA";
  return jwk.kty === "EC" && jwk.crv === "P-256" ? "ES256" : undefined;
}

function readTenant(claims: Claims): Tenant {
  return {
    id: text(claims, "id"),
    slug: text(claims, "slug"),
    name: text(claims, "name"),
    plan: text(claims, "plan"),
    status: text(claims, "status"),
  };
}

function decode(part: string): Claims {
  try {
    return object(JSON.parse(Buffer.from(part, "base64url").toString("utf8")));
  } catch {
    throw new Refused("Tenantry-Identity is no token");
  }
}

function object(value: unknown): Claims {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Refused("this is no object");
  return value as Claims;
}

function text(claims: Claims, name: string): string {
  const value = claims[name];
  if (typeof value !== "string") throw new Refused(`${name} is no text`);
  return value;
}

function optional(claims: Claims, name: string): string | undefined {
  return claims[name] === undefined ? undefined : text(claims, name);
}

function texts(claims: Claims, name: string): readonly string[] {
  const value = claims[name];
  if (!Array.isArray(value) || !value.every((word) => typeof word === "string")) {
    throw new Refused(`${name} is no list of words`);
  }
  return value;
}

async function fetchText(url: string): Promise<string> {
  const answer = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  const body = answer.ok ? await answer.text() : "";
  if (!body || body.length > JWKS_CHARS_MAX) throw new Refused("the key set did not come");
  return body;
}

function fromEnvironment(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}, or start this app by \`tenantry dev -- COMMAND\``);
  return value;
}
