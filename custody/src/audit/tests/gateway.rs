//! What the gateway saw: once, then as sums; each tenant its share. [AUD-1 OBS-3]

use std::time::Duration;

use tenantry_core::ids::TenantId;
use tenantry_core::mode::Mode as ModeWord;
use tenantry_custody::audit::Filter;
use tenantry_custody::audit::observe::{Observer, Sight, WINDOW};
use tenantry_platform::db::{Live, PoolOptions};
use tenantry_platform::kit::TestDb;
use tenantry_platform::permit::{Actor, ManageKeys, Origin, Permit};
use tenantry_platform::record::{self, Act};
use uuid::Uuid;

use super::House;

/// Places, in the tests of how they are shared.
const PLACES: usize = 1_000;

#[tokio::test]
async fn a_newcomer_is_written_at_once_and_a_thousand_repetitions_as_one_sum() {
    let house = House::new().await;
    let observer = Observer::default();
    let see = || {
        let sight = Sight {
            tenant: house.tenant,
            mode: ModeWord::Live,
            subject: house.person.id.uuid(),
            action: "limit.exceeded",
            entity_type: "route",
            entity_id: "/api/products",
        };
        let origin = Origin { request_id: Some("r-1".to_owned()), ..Origin::default() };
        observer.note(sight, house.ground().now(), || (Actor::person(&house.person), origin));
    };
    (0..1_001).for_each(|_| see());
    observer.flush(house.ground()).await;
    let found = house.list(Filter::default(), 50).await.entries;
    let (sum, first): (Vec<_>, Vec<_>) = found.iter().partition(|entry| entry.metadata.get("count").is_some());
    assert_eq!((sum.len(), first.len()), (1, 1));
    assert_eq!(sum[0].metadata["count"], 1_000);
    assert_eq!((first[0].request_id.as_deref(), sum[0].request_id.as_deref()), (Some("r-1"), None));
    assert!(found.iter().all(|entry| entry.is_intact() && entry.entity_id == "/api/products"));
}

#[tokio::test]
async fn what_the_gateway_saw_waits_until_the_database_has_time() {
    let one = PoolOptions { most: 1, wait: Duration::from_millis(10), ..PoolOptions::default() };
    let house = House { db: TestDb::with(one).await, ..House::new().await };
    let permit = Permit::<ManageKeys, Live>::minted(house.context(), Actor::person(&house.person));
    let mut busy = permit.begin(house.ground());
    record::append(&mut busy, house.ground(), Act::new("api_key.created", "api_key", 1)).await.unwrap();

    let observer = Observer::default();
    let sight = Sight {
        tenant: house.tenant,
        mode: ModeWord::Live,
        subject: Uuid::nil(),
        action: "access.refused",
        entity_type: "route",
        entity_id: "GET /admin",
    };
    observer.note(sight, house.ground().now(), || (Actor::system("anonymous", "anonymous"), Origin::default()));
    assert_eq!(observer.flush(house.ground()).await, 1, "no connection is free");
    busy.commit().await.unwrap();
    assert_eq!(observer.flush(house.ground()).await, 0);
    assert_eq!(
        house.list(Filter { action: Some("access.refused".to_owned()), ..Filter::default() }, 50).await.entries.len(),
        1
    );
}

/// Notes sights of as many different people, and answers how many found a place.
fn flood(observer: &Observer, tenant: TenantId, people: usize) -> usize {
    let mut taken = 0;
    for number in 0..people {
        let sight = Sight {
            tenant,
            mode: ModeWord::Live,
            subject: Uuid::from_u128(number as u128),
            action: "access.refused",
            entity_type: "route",
            entity_id: "GET /admin",
        };
        observer.note(sight, tenantry_platform::kit::start(), || {
            taken += 1;
            (Actor::system("anonymous", "anonymous"), Origin::default())
        });
    }
    taken
}

fn tenant(number: u128) -> TenantId {
    TenantId::from_uuid(Uuid::from_u128(number))
}

#[test]
fn a_noisy_tenant_leaves_room_for_the_others() {
    let observer = Observer::holding(PLACES);
    assert_eq!(flood(&observer, tenant(1), PLACES * 2), PLACES / 2);
    assert_eq!(flood(&observer, tenant(2), PLACES), PLACES / 4);
    for quiet in 3..20 {
        assert_eq!(flood(&observer, tenant(quiet), 5), 5, "tenant {quiet}");
    }
}

#[test]
fn tenants_that_are_noisy_together_get_equal_parts() {
    let observer = Observer::holding(PLACES);
    let mut parts = [0; 4];
    for _ in 0..PLACES {
        for (number, part) in parts.iter_mut().enumerate() {
            *part += usize::from(noted_anew(&observer, number as u128 + 1, *part));
        }
    }
    let (least, most) = (parts.iter().min().unwrap(), parts.iter().max().unwrap());
    assert!(most - least <= 1 && most.abs_diff(PLACES / 5) <= 1, "{parts:?}");
}

/// Somebody new of that tenant; whether a place was found.
fn noted_anew(observer: &Observer, number: u128, person: usize) -> bool {
    let mut is_new = false;
    let sight = Sight {
        tenant: tenant(number),
        mode: ModeWord::Live,
        subject: Uuid::from_u128(person as u128),
        action: "access.refused",
        entity_type: "route",
        entity_id: "GET /admin",
    };
    observer.note(sight, tenantry_platform::kit::start(), || {
        is_new = true;
        (Actor::system("anonymous", "anonymous"), Origin::default())
    });
    is_new
}

#[tokio::test]
async fn a_log_says_how_much_it_is_missing() {
    let house = House::new().await;
    let observer = Observer::holding(PLACES);
    // Others hold all but a few places.
    for number in 1..=5 {
        flood(&observer, tenant(number), PLACES);
    }
    let taken = flood(&observer, house.tenant, 100);
    house.ground().clock.advance(Duration::try_from(WINDOW).unwrap());
    observer.flush(house.ground()).await;
    let missing = Filter { action: Some("audit.incomplete".to_owned()), ..Filter::default() };
    let found = house.list(missing, 50).await.entries;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].metadata["missing"].as_u64(), Some(100 - taken as u64));
}
