//! Products and orders, by tenant and mode. Kept in memory: the demo forgets when it stops.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::identity::Claims;

/// Rows of each kind that one tenant can make in the demo.
const ROWS_MAX: usize = 1_000;
const NAME_MAX: usize = 100;

#[derive(Clone, Debug, Serialize)]
pub(super) struct Product {
    id: u32,
    name: String,
    price_cents: u32,
    stock: u32,
}

impl Product {
    pub(super) const fn has_id(&self, id: u32) -> bool {
        self.id == id
    }
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Order {
    id: u32,
    product_id: u32,
    quantity: u32,
    ordered_by: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewProduct {
    name: String,
    price_cents: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOrder {
    product_id: u32,
    quantity: u32,
}

#[derive(Default)]
pub(super) struct Shop(Mutex<HashMap<String, World>>);

struct World {
    products: Vec<Product>,
    orders: Vec<Order>,
}

impl Default for World {
    fn default() -> Self {
        let product = |id, name: &str, price_cents, stock| Product { id, name: name.to_owned(), price_cents, stock };
        let products = vec![
            product(1, "Filter coffee, 1 kg", 1_890, 40),
            product(2, "Oat drink, 6 cartons", 1_140, 25),
            product(3, "Paper cups, 500", 2_650, 12),
        ];
        Self { products, orders: Vec::new() }
    }
}

impl Shop {
    pub(super) fn products(&self, world: &str) -> Vec<Product> {
        self.with(world, |world| world.products.clone())
    }

    pub(super) fn orders(&self, world: &str) -> Vec<Order> {
        self.with(world, |world| world.orders.clone())
    }

    pub(super) fn add_product(&self, world: &str, new: NewProduct) -> Result<Product, &'static str> {
        if new.name.trim().is_empty() || new.name.chars().count() > NAME_MAX {
            return Err("name must have 1 to 100 characters");
        }
        self.with(world, |world| {
            let id = next(world.products.len())?;
            let product = Product { id, name: new.name, price_cents: new.price_cents, stock: 0 };
            world.products.push(product.clone());
            Ok(product)
        })
    }

    pub(super) fn add_order(&self, world: &str, ordered_by: &str, new: NewOrder) -> Result<Order, &'static str> {
        self.with(world, |world| {
            let id = next(world.orders.len())?;
            let product = world
                .products
                .iter_mut()
                .find(|product| product.id == new.product_id)
                .ok_or("there is no such product")?;
            if new.quantity == 0 || new.quantity > product.stock {
                return Err("quantity must be at least 1 and at most what is in stock");
            }
            product.stock -= new.quantity;
            let order = Order { id, product_id: product.id, quantity: new.quantity, ordered_by: ordered_by.to_owned() };
            world.orders.push(order.clone());
            Ok(order)
        })
    }

    /// What a nightly job does: fills up every shelf and says how many.
    pub(super) fn restock(&self) -> usize {
        let mut worlds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        worlds
            .values_mut()
            .flat_map(|world| &mut world.products)
            .map(|product| product.stock = product.stock.max(40))
            .count()
    }

    pub(super) fn page(&self, claims: &Claims, nonce: &str) -> String {
        let mut rows = String::new();
        for product in self.products(&claims.world()) {
            let _ = write!(
                rows,
                "<tr><td>{}</td><td class=n>{}.{:02}</td><td class=n>{}</td></tr>",
                escape(&product.name),
                product.price_cents / 100,
                product.price_cents % 100,
                product.stock,
            );
        }
        include_str!("shop.html")
            .replace("{tenant}", &escape(claims.tenant_name()))
            .replace("{mode}", &escape(claims.mode()))
            .replace("{person}", &escape(&claims.actor_name()))
            .replace("{nonce}", &escape(nonce))
            .replace("{rows}", &rows)
    }

    fn with<T>(&self, world: &str, act: impl FnOnce(&mut World) -> T) -> T {
        let mut worlds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(worlds.entry(world.to_owned()).or_default())
    }
}

fn next(held: usize) -> Result<u32, &'static str> {
    if held >= ROWS_MAX {
        return Err("the demo keeps 1,000 rows of a kind; restart it");
    }
    u32::try_from(held + 1).map_err(|_| "the demo is full")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
