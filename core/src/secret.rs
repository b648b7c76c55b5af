//! Values that must not be printed: their `Debug` shows nothing and their memory is wiped.

pub use secrecy::{ExposeSecret, SecretBox, SecretSlice, SecretString};
