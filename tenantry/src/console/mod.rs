//! Pages of a workspace's console whose rooms draw no pages themselves.

pub(crate) mod csp;
