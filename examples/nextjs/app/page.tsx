import { identity } from "../identity";
import { ordersOf } from "../orders";
import { Place } from "./place";

// Next.js takes the nonce from the policy in the request and writes it into its own scripts.
export default async function Page() {
  const who = await identity();
  const orders = ordersOf(who);
  return (
    <main>
      <h1>Orders of {who.tenant?.name}</h1>
      <p>{`${who.name}, ${who.mode} mode`}</p>
      <ul>
        {orders.map((order) => (
          <li key={order.id}>{`${order.quantity} × ${order.item}, by ${order.placed_by}`}</li>
        ))}
        {orders.length === 0 && <li>No orders yet</li>}
      </ul>
      <Place />
    </main>
  );
}
