//! Freed memory is given back when a start has ended and when writes have.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;

static RELEASED: AtomicUsize = AtomicUsize::new(0);

fn release() {
    RELEASED.fetch_add(1, Ordering::SeqCst);
}

/// Waits until memory was released more often than `before`; how often it was.
fn released_after(before: usize) -> usize {
    let started = Instant::now();
    while RELEASED.load(Ordering::SeqCst) <= before {
        assert!(started.elapsed() < Duration::from_mins(1), "nothing was released");
        std::thread::sleep(Duration::from_millis(20));
    }
    RELEASED.load(Ordering::SeqCst)
}

#[test]
fn memory_is_released_after_a_start_and_after_writes() {
    let folder = tempfile::tempdir().unwrap();
    let options = OpenOptions { release: Some(release), ..options() };
    let engine = Engine::open(&folder.path().join("data"), options).unwrap();
    let started = RELEASED.load(Ordering::SeqCst);
    assert!(started > 0, "nothing was released when the engine was open");
    // What other threads freed goes a little later.
    let quiet = released_after(started);
    found_house(&engine);
    let mut load = engine.begin_load(&ADMIN, &campaign(), vec!["buyers".to_owned()], None).unwrap();
    load.push(IdentifierRef::check(crate::identity::Kind::Network, b"visitor", ""), 0, 0).unwrap();
    load.finish().unwrap();
    released_after(quiet);
    engine.close().unwrap();
}
