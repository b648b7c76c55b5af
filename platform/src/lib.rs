
pub mod postgres;
pub mod page;
