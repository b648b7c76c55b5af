//! Names for the ids on a page: of keys and of members as they are called now, of others as the page's own rows name them.

use std::collections::HashMap;

use tenantry_platform::db::{Database, DbFault, HasStore, Mode};
use tenantry_platform::ground::Ground;
use uuid::Uuid;

use super::entry::Entry;
use super::list::{Readers, ReadsAudit};
use super::store;

/// Name and address, by id.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<Uuid, (String, String)>);

impl Names {
    pub(super) async fn of<P: ReadsAudit, M: Mode>(
        ground: &Ground,
        readers: &Readers<P, M>,
        entries: &[Entry],
    ) -> Result<Self, DbFault>
    where
        Database: HasStore<M>,
    {
        let ids = |entry: &Entry| [&entry.actor_id, &entry.entity_id].map(|id| Uuid::try_parse(id).ok());
        let mut wanted: Vec<Uuid> = entries.iter().flat_map(ids).flatten().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let (keys, members) = futures_util::try_join!(
            store::key_names(ground, &readers.mode, &wanted),
            store::member_names(ground, &readers.control, &wanted)
        )?;
        let mut names: HashMap<Uuid, (String, String)> = entries.iter().filter_map(told).collect();
        names.extend(members.into_iter().map(|(id, name, address)| (id, (name, address))));
        names.extend(keys.into_iter().map(|(id, name)| (id, (name, String::new()))));
        Ok(Self(names))
    }

    /// Name and address; the address is empty for a key.
    pub(super) fn find(&self, id: &str) -> Option<(&str, &str)> {
        let (name, address) = self.0.get(&Uuid::try_parse(id).ok()?)?;
        Some((name, address))
    }
}

fn told(entry: &Entry) -> Option<(Uuid, (String, String))> {
    let name = entry.personal_field("actor_name")?.to_owned();
    let address = entry.personal_field("actor_email").unwrap_or_default().to_owned();
    Some((Uuid::try_parse(&entry.actor_id).ok()?, (name, address)))
}
