import { identity } from "../../../identity";
import { ordersOf, place } from "../../../orders";

export async function GET(): Promise<Response> {
  return Response.json(ordersOf(await identity()));
}

export async function POST(request: Request): Promise<Response> {
  const who = await identity();
  const draft = await request.json().catch(() => undefined);
  const order = place(who, draft?.item, draft?.quantity);
  return order ? Response.json(order, { status: 201 }) : Response.json({ title: "No such order" }, { status: 422 });
}
