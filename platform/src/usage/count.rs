//! Counting, in memory: a lane a thread, so that threads seldom meet.

use std::cell::Cell as ThreadCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tenantry_core::clock::Timestamp;
use tenantry_core::ids::TenantId;
use uuid::Uuid;

use super::{Book, Kind, Whose};

/// Locks. Threads take turns at them when there are more threads than this.
const LANES: usize = 32;
/// Subjects that a tenant can always count in a lane between two flushes: itself in each book and over the minute
/// between them, and some keys.
const CELLS_SURE: u32 = 32;
/// Subjects counted in a lane before only sure shares are left: about 120 bytes each.
const CELLS_MOST: usize = 50_000;
/// Tenants counted in a lane between two flushes: the bound of all sure shares.
const TENANTS_MOST: usize = 10_000;

/// Counts by kind.
pub(super) type Counts = [u64; Kind::ALL.len()];

/// One subject in one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Cell {
    pub(super) book: Book,
    pub(super) tenant: TenantId,
    /// Nil: the tenant itself. Otherwise a key.
    pub(super) subject: Uuid,
    /// Whole minutes since 1970.
    pub(super) minute: i64,
}

/// Everybody's counters since they were last written. Clones share them.
#[derive(Clone)]
pub struct Usage(Arc<State>);

struct State {
    lanes: Vec<Mutex<Lane>>,
    lost: AtomicU64,
}

/// What the threads of one lane have counted.
#[derive(Default)]
struct Lane {
    cells: HashMap<Cell, Counts>,
    /// How many cells each tenant has here.
    shares: HashMap<TenantId, u32>,
}

impl std::fmt::Debug for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Usage({} lanes)", self.0.lanes.len())
    }
}

impl Default for Usage {
    fn default() -> Self {
        let lanes = (0..LANES).map(|_| Mutex::default()).collect();
        Self(Arc::new(State { lanes, lost: AtomicU64::new(0) }))
    }
}

impl Usage {
    /// Adds one to each of `kinds`, for the tenant and for the key that asked.
    pub fn count(&self, whose: Whose, kinds: &[Kind], now: Timestamp) {
        let minute = now.as_second().div_euclid(60);
        let Whose { tenant, book, key } = whose;
        let of_tenant = Cell { book, tenant, subject: Uuid::nil(), minute };
        let mut lane = self.0.lanes[lane()].lock();
        let mut is_lost = !lane.add(of_tenant, |counts| bump(counts, kinds));
        if let Some(key) = key {
            is_lost |= !lane.add(Cell { subject: key.uuid(), ..of_tenant }, |counts| bump(counts, kinds));
        }
        if is_lost {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes everything that was counted since the last time.
    pub(super) fn take(&self) -> HashMap<Cell, Counts> {
        let mut all = HashMap::new();
        for lane in &self.0.lanes {
            for (cell, counts) in lane.lock().empty() {
                merge(all.entry(cell).or_default(), &counts);
            }
        }
        all
    }

    /// Puts back what could not be written, as far as there is room.
    pub(super) fn put_back(&self, cells: impl IntoIterator<Item = (Cell, Counts)>) {
        let mut lane = self.0.lanes[lane()].lock();
        for (cell, counts) in cells {
            if !lane.add(cell, |known| merge(known, &counts)) {
                self.0.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// How many acts found no room since this was last asked.
    pub fn take_lost(&self) -> u64 {
        self.0.lost.swap(0, Ordering::Relaxed)
    }
}

impl Lane {
    /// `false`: there is no room for this subject.
    fn add(&mut self, cell: Cell, add: impl FnOnce(&mut Counts)) -> bool {
        let is_full = self.cells.len() >= CELLS_MOST;
        let place = match self.cells.entry(cell) {
            Entry::Occupied(known) => {
                add(known.into_mut());
                return true;
            }
            Entry::Vacant(place) => place,
        };
        if self.shares.len() >= TENANTS_MOST && !self.shares.contains_key(&cell.tenant) {
            return false;
        }
        let share = self.shares.entry(cell.tenant).or_default();
        if is_full && *share >= CELLS_SURE {
            return false;
        }
        *share += 1;
        add(place.insert(Counts::default()));
        true
    }

    /// Room for as many is kept: the next interval will be like the last one.
    fn empty(&mut self) -> HashMap<Cell, Counts> {
        self.shares.clear();
        let next = HashMap::with_capacity(self.cells.len());
        std::mem::replace(&mut self.cells, next)
    }
}

fn bump(counts: &mut Counts, kinds: &[Kind]) {
    for kind in kinds {
        counts[kind.place()] += 1;
    }
}

fn merge(into: &mut Counts, from: &Counts) {
    into.iter_mut().zip(from).for_each(|(into, from)| *into += from);
}

/// This thread's lane, given when it first counts.
fn lane() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: ThreadCell<usize> = const { ThreadCell::new(usize::MAX) };
    }
    MINE.with(|mine| {
        if mine.get() == usize::MAX {
            mine.set(NEXT.fetch_add(1, Ordering::Relaxed) % LANES);
        }
        mine.get()
    })
}
