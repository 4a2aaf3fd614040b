//! The load generator for frames made beforehand, for the comparisons of benches/compare.
//!
//! `load TARGET FRAMES CONNECTIONS IN_FLIGHT SECONDS [RATE] [USERS]`: `FRAMES` holds gRPC frames one after the other.
//! Without a rate, or with rate 0, the loop is closed: each connection keeps `IN_FLIGHT` requests on their way, which
//! finds the capacity. With a rate it is open. `USERS` is the number of users of each frame, when they are batches.
//! Prints one JSON object: answers, failures, rate, p50, p99 and maximum in microseconds.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool: it may stop where it stands")]

use std::sync::Arc;
use std::time::Duration;

use segengine_load::{Pace, Plan, Questions, Shape, Target, Watch, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, path, connections, in_flight, seconds] = arguments.get(..5).unwrap() else { unreachable!() };
    let rate: f64 = arguments.get(5).map_or(0.0, |rate| rate.parse().unwrap());
    let shape = arguments.get(6).map_or(Shape::Unary, |users| Shape::Batch(users.parse().unwrap()));
    let questions = Arc::new(Questions::from_frames(shape, std::fs::read(path).unwrap()).unwrap());
    let open = Pace::Open { per_second: rate };
    let plan = Plan {
        target: Target::parse(target, None).unwrap(),
        pace: if rate > 0.0 { open } else { Pace::Closed { in_flight: in_flight.parse().unwrap() } },
        length: Duration::from_secs_f64(seconds.parse().unwrap()),
        patience: Duration::from_secs(5),
        connections: connections.parse().unwrap(),
        threads: 1,
    };
    let measured = run(&plan, &questions, &Arc::new(Watch::default())).unwrap();
    let at = |quantile: f64| measured.latencies.value_at_quantile(quantile) as f64 / 1e3;
    println!(
        "{{\"answers\": {}, \"failures\": {}, \"rate\": {:.1}, \"p50_us\": {:.1}, \"p99_us\": {:.1}, \"max_us\": {:.1}}}",
        measured.answered,
        measured.failed.values().sum::<u64>(),
        measured.answered as f64 / measured.elapsed.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}
