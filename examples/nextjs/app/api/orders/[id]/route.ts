import { identity } from "../../../../identity";
import { orderOf } from "../../../../orders";

export async function GET(_: Request, { params }: { params: Promise<{ id: string }> }): Promise<Response> {
  const order = orderOf(await identity(), Number((await params).id));
  return order ? Response.json(order) : Response.json({ title: "There is no such order" }, { status: 404 });
}
