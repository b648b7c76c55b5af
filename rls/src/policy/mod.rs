//! What an expression implies: PostgreSQL's own parse tree, judged by three-valued logic.
