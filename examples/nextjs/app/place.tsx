"use client";

import { useState } from "react";

/** A plain form, which works before and without its script. */
export function Place() {
  const [isSent, setSent] = useState(false);
  return (
    <form method="post" action="/orders" onSubmit={() => setSent(true)}>
      <label>
        Item <input name="item" required maxLength={200} />
      </label>
      <label>
        Quantity <input name="quantity" type="number" min={1} max={1000} defaultValue={1} required />
      </label>
      <button disabled={isSent}>Place the order</button>
    </form>
  );
}
