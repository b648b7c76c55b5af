//! Merkle trees of RFC 6962 (AUD-6): heads, inclusion and consistency, and their verification.
//!
//! Leaves and nodes are hashed with different first bytes, so neither can be shown as the other.
//! [`Frontier`] grows a tree leaf by leaf in logarithmic memory; the other functions work on all leaves.

use sha2::{Digest, Sha256};

/// SHA-256.
pub type Hash = [u8; 32];

/// Hash of a leaf: `SHA-256(0x00 ‖ data)`.
pub fn leaf_hash(data: &[u8]) -> Hash {
    Sha256::new_with_prefix([0]).chain_update(data).finalize().into()
}

/// Hash of an inner node: `SHA-256(0x01 ‖ left ‖ right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The head of a tree over these leaf hashes; for none, SHA-256 of nothing.
pub fn tree_head(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&tree_head(left), &tree_head(right))
        }
    }
}

/// The audit path of leaf `index` (RFC 6962 section 2.1.1), from the leaf up; `None` outside the tree.
pub fn inclusion_proof(index: usize, leaves: &[Hash]) -> Option<Vec<Hash>> {
    if index >= leaves.len() {
        return None;
    }
    let (mut rest, mut index, mut path) = (leaves, index, Vec::new());
    while rest.len() > 1 {
        let (left, right) = rest.split_at(split(rest.len()));
        let goes_left = index < left.len();
        path.push(tree_head(if goes_left { right } else { left }));
        index -= if goes_left { 0 } else { left.len() };
        rest = if goes_left { left } else { right };
    }
    path.reverse();
    Some(path)
}

/// That the tree of all leaves continues the tree of the first `old_size` (RFC 6962 section 2.1.2).
/// `None` when `old_size` is 0 or exceeds the tree.
pub fn consistency_proof(old_size: usize, leaves: &[Hash]) -> Option<Vec<Hash>> {
    if old_size == 0 || old_size > leaves.len() {
        return None;
    }
    let mut proof = Vec::new();
    push_subproof(&mut proof, old_size, leaves, true);
    Some(proof)
}

fn push_subproof(proof: &mut Vec<Hash>, old_size: usize, leaves: &[Hash], is_whole: bool) {
    if old_size == leaves.len() {
        if !is_whole {
            proof.push(tree_head(leaves));
        }
        return;
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    if old_size <= left.len() {
        push_subproof(proof, old_size, left, is_whole);
        proof.push(tree_head(right));
    } else {
        push_subproof(proof, old_size - left.len(), right, false);
        proof.push(tree_head(left));
    }
}

/// Whether `path` proves that `leaf` stands at `index` in the tree of `size` leaves with this head
/// (RFC 9162 section 2.1.3.2).
#[must_use]
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash], head: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        hash = climb(&mut at, &mut last, hash, sibling);
    }
    last == 0 && hash == *head
}

/// One level up; a right edge without a sibling climbs until it has one.
fn climb(at: &mut u64, last: &mut u64, hash: Hash, sibling: &Hash) -> Hash {
    let is_right = *at & 1 == 1 || at == last;
    if is_right {
        while *at & 1 == 0 && *at != 0 {
            *at >>= 1;
            *last >>= 1;
        }
    }
    *at >>= 1;
    *last >>= 1;
    if is_right { node_hash(sibling, &hash) } else { node_hash(&hash, sibling) }
}

/// Whether `proof` shows that the tree of `new_size` leaves begins with the tree of `old_size`
/// (RFC 9162 section 2.1.4.2). An empty old tree is proved by nothing and refused.
#[must_use]
pub fn verify_consistency(old_size: u64, old_head: &Hash, new_size: u64, new_head: &Hash, proof: &[Hash]) -> bool {
    if old_size == 0 || old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return proof.is_empty() && old_head == new_head;
    }
    // A complete old tree is its own first proof element and is not sent.
    let (first, rest) = match proof {
        _ if old_size.is_power_of_two() => (*old_head, proof),
        [first, rest @ ..] => (*first, rest),
        [] => return false,
    };
    let (old, new) = match fold_consistency(old_size, new_size, first, rest) {
        Some(heads) => heads,
        None => return false,
    };
    old == *old_head && new == *new_head
}

fn fold_consistency(old_size: u64, new_size: u64, first: Hash, rest: &[Hash]) -> Option<(Hash, Hash)> {
    let shift = (old_size - 1).trailing_ones();
    let (mut at, mut last) = ((old_size - 1) >> shift, (new_size - 1) >> shift);
    let (mut old, mut new) = (first, first);
    for sibling in rest {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            old = node_hash(sibling, &old);
        }
        new = climb(&mut at, &mut last, new, sibling);
    }
    (last == 0).then_some((old, new))
}

/// The greatest power of two below `size`, which is at least 2.
const fn split(size: usize) -> usize {
    1 << (usize::BITS - 1 - (size - 1).leading_zeros())
}

/// The right edge of a growing tree: enough to append and to tell the head, and no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Heads of the complete subtrees, largest first: one for each bit of `size`.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Takes up a tree where it was left; `None` when the peaks cannot be those of `size` leaves.
    pub fn resume(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (usize::try_from(size.count_ones()) == Ok(peaks.len())).then_some(Self { size, peaks })
    }

    /// Adds a leaf and gives its index.
    pub fn append(&mut self, leaf: Hash) -> u64 {
        let index = self.size;
        let mut hash = leaf;
        for _ in 0..index.trailing_ones() {
            // Each trailing one of the size is a complete subtree that this leaf completes further.
            let left = self.peaks.pop().unwrap_or_default();
            hash = node_hash(&left, &hash);
        }
        self.peaks.push(hash);
        self.size += 1;
        index
    }

    /// How many leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// What to store in order to resume.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// The head of the whole tree.
    pub fn head(&self) -> Hash {
        let joined = self.peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
        joined.unwrap_or_else(|| tree_head(&[]))
    }
}
