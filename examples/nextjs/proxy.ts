// Before everything that Next.js serves: no request gets any further without a valid Tenantry-Identity.

import { type NextRequest, NextResponse } from "next/server";
import { verifier } from "./identity";
import { HEADER, Refused } from "./tenantry-identity";

export async function proxy(request: NextRequest): Promise<Response> {
  try {
    await verifier().verify(request.headers.get(HEADER));
    return NextResponse.next();
  } catch (fault) {
    if (!(fault instanceof Refused)) throw fault;
    const problem = { title: "Unauthorized", status: 401, detail: fault.message };
    return Response.json(problem, { status: 401, headers: { "content-type": "application/problem+json" } });
  }
}
