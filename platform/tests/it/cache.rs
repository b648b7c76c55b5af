//! What caches believe, and for how long (KEY-3).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tenantry_platform::cache::{Cache, Depends, Known};
use tenantry_platform::db::DbFault;
use tenantry_platform::feed::{Change, ChangeKind, Feed};
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

const KEY: Uuid = Uuid::from_u128(1);

#[derive(Debug, PartialEq, Eq)]
struct Thing(u32);

impl Depends for Thing {
    fn subjects(&self) -> Vec<Uuid> {
        vec![KEY]
    }
}

fn revoked() -> Change {
    Change { kind: ChangeKind::Key, subject: KEY }
}

#[tokio::test]
async fn what_was_read_before_a_revocation_is_not_believed_after_it() {
    let feed = Feed::default();
    let cache: Cache<u32, Thing> = Cache::new(&feed, 64);
    let (readings, (tell, told)) = (AtomicUsize::new(0), oneshot::channel::<()>());
    let told = std::sync::Mutex::new(Some(told));
    let load = || {
        let first = readings.fetch_add(1, Ordering::SeqCst) == 0;
        let wait = told.lock().expect("no panic").take();
        async move {
            if let Some(wait) = wait {
                wait.await.expect("told");
            }
            // The first reading saw the row before it was revoked, and comes late.
            Ok(first.then_some(Thing(1)))
        }
    };
    let revoke = async {
        feed.apply(&revoked());
        tell.send(()).expect("the reading waits");
    };
    let (found, ()) = tokio::join!(cache.find(&7, load), revoke);
    assert_eq!((found.expect("an answer"), readings.load(Ordering::SeqCst)), (None, 2), "it was read again");
    assert!(matches!(cache.known(&7), Known::No));
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_stop_the_reading_for_the_others() {
    let cache: Cache<u32, Thing> = Cache::new(&Feed::default(), 64);
    let (started, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let load = || {
        let (started, go_on) = (Arc::clone(&started), Arc::clone(&go_on));
        async move {
            started.notify_one();
            go_on.notified().await;
            Ok(Some(Thing(1)))
        }
    };
    let mut leaving = Box::pin(cache.find(&7, load));
    tokio::select! {
        _ = &mut leaving => panic!("it cannot be done yet"),
        () = started.notified() => {}
    }
    drop(leaving);
    go_on.notify_one();
    let never = || async { Err(DbFault::Over) };
    assert_eq!(cache.find(&7, never).await.expect("the first reading").as_deref(), Some(&Thing(1)));
}

#[tokio::test]
async fn what_does_not_exist_pushes_out_nothing_that_does() {
    let feed = Feed::default();
    let cache: Cache<u32, Thing> = Cache::new(&feed, 640);
    for real in 0..64 {
        cache.find(&real, || async move { Ok(Some(Thing(real))) }).await.expect("an answer");
    }
    let held = (0..64).filter(|real| matches!(cache.known(real), Known::Yes(_))).count();
    for made_up in 1_000..11_000 {
        cache.find(&made_up, || async { Ok(None) }).await.expect("an answer");
    }
    assert_eq!((0..64).filter(|real| matches!(cache.known(real), Known::Yes(_))).count(), held);
    assert!(cache.len() <= 64 + 192, "{}", cache.len());
    feed.apply(&Change { kind: ChangeKind::Tenant, subject: Uuid::from_u128(2) });
    assert!((1_000..11_000).all(|made_up| matches!(cache.known(&made_up), Known::Unknown)), "it may exist now");
}
