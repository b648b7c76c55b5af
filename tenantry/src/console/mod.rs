//! Pages of a workspace's console whose rooms draw no pages themselves.

pub(crate) mod blocks;
pub(crate) mod csp;
pub(crate) mod lift;
