// Who is calling, in this app: `await identity()` in any page, route or action.

import { headers } from "next/headers";
import { HEADER, type Identity, Verifier } from "./tenantry-identity";

// One key set for the whole process: Next.js loads this file once for the proxy and once for the pages.
const shared = globalThis as typeof globalThis & { tenantryVerifier?: Verifier };

export function verifier(): Verifier {
  return (shared.tenantryVerifier ??= Verifier.fromEnvironment());
}

/** Throws where there is none, so that a page fails rather than serves, should the proxy be passed by. */
export async function identity(): Promise<Identity> {
  const sent = await headers(); // first, so that Next.js never makes such a page ahead
  return verifier().verify(sent.get(HEADER));
}
