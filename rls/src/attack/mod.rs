//! `attack`: tries it, and rolls it back.
