//! The binary as a library: its commands, the wiring of the rooms, and the one function that runs a request's
//! life.

pub mod app;
mod background;
pub mod cli;
mod console;
pub mod demo;
pub mod dev;
mod handover;
pub mod identity_token;
pub mod openapi;
mod operations;
mod operator;
pub mod request;
pub mod routes;
pub mod serve;
mod site;
mod standing;

/// Why a command ends: a sentence for whoever typed it.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;
