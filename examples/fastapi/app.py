"""Orders of many companies. Who may do what stands in tenantry.toml; here stands what an order is."""

import os
import sqlite3
from html import escape
from typing import Annotated

from fastapi import Depends, FastAPI, Form, Header, HTTPException
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from tenantry_identity import Identity, RequireIdentity, caller

app = FastAPI(title="Orders")
app.add_middleware(RequireIdentity)
Caller = Annotated[Identity, Depends(caller)]

# In memory unless told otherwise. Every row names its tenant and mode, and so does every statement.
db = sqlite3.connect(os.environ.get("ORDERS_DB", ":memory:"), check_same_thread=False, isolation_level=None)
db.row_factory = sqlite3.Row
db.execute("""
    create table if not exists orders (
        id integer primary key, tenant text not null, mode text not null,
        item text not null, quantity integer not null, placed_by text not null)
""")


class Draft(BaseModel):
    item: str = Field(min_length=1, max_length=200)
    quantity: int = Field(ge=1, le=1000)


class Order(Draft):
    id: int
    placed_by: str


@app.get("/api/orders")
def list_orders(who: Caller) -> list[Order]:
    found = db.execute("select * from orders where tenant = ? and mode = ? order by id desc limit 100", who.world)
    return [Order(**row) for row in found]


@app.get("/api/orders/{number}")
def read_order(number: int, who: Caller) -> Order:
    # Another tenant's order does not exist.
    found = db.execute("select * from orders where tenant = ? and mode = ? and id = ?", (*who.world, number)).fetchone()
    if found is None:
        raise HTTPException(404, "There is no such order")
    return Order(**found)


@app.post("/api/orders", status_code=201)
def place_order(draft: Draft, who: Caller) -> Order:
    placed = db.execute(
        "insert into orders (tenant, mode, item, quantity, placed_by) values (?, ?, ?, ?, ?) returning *",
        (*who.world, draft.item, draft.quantity, who.name or who.actor),
    ).fetchone()
    return Order(**placed)


@app.post("/orders")
def place_order_by_form(draft: Annotated[Draft, Form()], who: Caller) -> RedirectResponse:
    place_order(draft, who)
    return RedirectResponse("/", 303)


@app.get("/")
def page(who: Caller, tenantry_csp_nonce: Annotated[str, Header()] = "") -> HTMLResponse:
    rows = "".join(f"<li>{o.quantity} × {escape(o.item)}, by {escape(o.placed_by)}</li>" for o in list_orders(who))
    return HTMLResponse(PAGE.format(
        nonce=escape(tenantry_csp_nonce), tenant=escape(who.tenant.name), mode=escape(who.mode),
        name=escape(who.name or ""), rows=rows or "<li>No orders yet</li>",
    ))


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Orders of {tenant}</title>
<style nonce="{nonce}">body {{ font: 1rem/1.5 system-ui; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }}</style>
<h1>Orders of {tenant}</h1>
<p>{name}, {mode} mode</p>
<ul>{rows}</ul>
<form method="post" action="/orders">
  <label>Item <input name="item" required maxlength="200"></label>
  <label>Quantity <input name="quantity" type="number" min="1" max="1000" value="1" required></label>
  <button>Place the order</button>
</form>
<script nonce="{nonce}">
  // Twice is one too many.
  document.forms[0].addEventListener("submit", () => {{ document.querySelector("button").disabled = true }})
</script>
</html>
"""
