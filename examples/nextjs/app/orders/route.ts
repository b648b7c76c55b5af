import { identity } from "../../identity";
import { place } from "../../orders";

export async function POST(request: Request): Promise<Response> {
  const who = await identity();
  const form = await request.formData();
  if (!place(who, form.get("item"), form.get("quantity"))) return new Response("No such order", { status: 422 });
  return new Response(null, { status: 303, headers: { location: "/" } });
}
