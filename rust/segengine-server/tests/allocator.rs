//! Freed memory goes back to the system when it is asked to. A test of its own process: resident memory is the process's.
#![cfg(target_os = "linux")]

use segengine_server::unsafe_allocator::release;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PIECES: usize = 100_000;
const PIECE_BYTES: usize = 1_400;

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

/// How much of some freed memory is gone after `then`.
fn given_back(then: fn()) -> usize {
    let pieces: Vec<Vec<u8>> = (0..PIECES).map(|piece| vec![piece as u8; PIECE_BYTES]).collect();
    let held = resident_bytes();
    drop(pieces);
    then();
    held.saturating_sub(resident_bytes())
}

#[test]
fn freed_memory_is_given_back_when_asked_and_kept_otherwise() {
    let all = PIECES * PIECE_BYTES;
    let kept = given_back(|| ());
    assert!(kept < all / 2, "{kept} of {all} bytes went back by themselves: the call is not needed any more");
    let released = given_back(release);
    assert!(released > all * 3 / 4, "only {released} of {all} bytes went back");
}
