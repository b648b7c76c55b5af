// What an order is, and where orders are: in memory, by tenant and mode. Your database goes here; keep it by both.

import { type Identity, worldOf } from "./tenantry-identity";

export interface Order {
  id: number;
  item: string;
  quantity: number;
  placed_by: string;
}

const ITEM_CHARS_MAX = 200;
const QUANTITY_MAX = 1000;
const LISTED_MAX = 100;

// Next.js loads this file once for the pages and once for the routes; they share the orders.
const shared = globalThis as typeof globalThis & { orders?: { last: number; worlds: Map<string, Order[]> } };
const kept = (shared.orders ??= { last: 0, worlds: new Map<string, Order[]>() });

/** Those of the caller's tenant and mode, the newest first. */
export function ordersOf(who: Identity): readonly Order[] {
  return (kept.worlds.get(worldOf(who)) ?? []).slice(0, LISTED_MAX);
}

/** Another tenant's order does not exist. */
export function orderOf(who: Identity, id: number): Order | undefined {
  return kept.worlds.get(worldOf(who))?.find((order) => order.id === id);
}

/** Undefined when the item or the quantity cannot be. */
export function place(who: Identity, item: unknown, quantity: unknown): Order | undefined {
  const count = Number(quantity);
  if (typeof item !== "string" || item.length < 1 || item.length > ITEM_CHARS_MAX) return undefined;
  if (!Number.isInteger(count) || count < 1 || count > QUANTITY_MAX) return undefined;
  const order = { id: ++kept.last, item, quantity: count, placed_by: who.name ?? who.actor };
  kept.worlds.set(worldOf(who), [order, ...(kept.worlds.get(worldOf(who)) ?? [])]);
  return order;
}
