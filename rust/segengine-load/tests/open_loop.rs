//! The generator against real servers: stalled, broken, overloaded, gone.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use segengine::ErrorKind;
use segengine::engine::{Engine, OpenOptions};
use segengine_load::{Asked, Measured, Pace, Plan, Questions, Shape, Target, Watch, run};
use segengine_server::clock::SystemClock;
use segengine_server::{ServeOptions, Server, serve};

/// A served engine that knows nobody.
fn house(options: ServeOptions) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(&folder.path().join("data"), OpenOptions::new(Arc::new(SystemClock))).unwrap();
    let server = serve(&engine, &ServeOptions { listen: "127.0.0.1:0".to_owned(), ..options }).unwrap();
    (folder, server)
}

fn questions(shape: Shape) -> Arc<Questions> {
    let users: Vec<String> = (0..50).map(|number| format!("network:u{number}")).collect();
    let asked = Asked { users: &users, adgroups: &[], candidates: None, seed: 1 };
    Arc::new(Questions::encode(shape, &asked, 200).unwrap())
}

fn plan(target: &str, pace: Pace, length: Duration) -> Plan {
    let target = Target::parse(target, None).unwrap();
    Plan { target, pace, length, patience: Duration::from_secs(10), connections: 2, threads: 1 }
}

fn measured(plan: &Plan, shape: Shape) -> Measured {
    run(plan, &questions(shape), &Arc::new(Watch::default())).unwrap()
}

/// Passes bytes on between clients and a server, except while it is told to hold them.
#[derive(Default)]
struct Way {
    holds: AtomicBool,
    breaks: AtomicBool,
}

impl Way {
    /// Returns the address to use instead of the server's.
    fn to(self: &Arc<Self>, server: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, way, server) = (listener.local_addr().unwrap(), Arc::clone(self), server.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&server).unwrap());
                for (from, to) in [(&client, &server), (&server, &client)] {
                    to.set_nodelay(true).unwrap();
                    let (from, to, way) = (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(&way));
                    std::thread::spawn(move || way.pass(from, to));
                }
            }
        });
        address.to_string()
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(length) = from.read(&mut bytes) {
            while self.holds.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
            }
            let broken = self.breaks.load(Ordering::Relaxed) || length == 0;
            if broken || to.write_all(&bytes[..length]).is_err() {
                let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                return;
            }
        }
    }
}

/// Sets a flag of the way for a while in the middle of a run.
fn meanwhile(way: &Arc<Way>, flag: fn(&Way) -> &AtomicBool, after: Duration, during: Duration) {
    let way = Arc::clone(way);
    std::thread::spawn(move || {
        std::thread::sleep(after);
        flag(&way).store(true, Ordering::Relaxed);
        std::thread::sleep(during);
        flag(&way).store(false, Ordering::Relaxed);
    });
}

/// How many took longer.
fn later_than(measured: &Measured, time: Duration) -> u64 {
    measured.latencies.count_between(u64::try_from(time.as_nanos()).unwrap(), u64::MAX)
}

/// A server that stands still for a while makes every request late that fell due meanwhile, with calls and with streams;
/// a closed loop, which asks nothing meanwhile, sees a handful. This is what coordinated omission is about.
#[test]
fn a_stall_is_seen_by_everybody_who_fell_due_within_it() {
    let (_folder, server) = house(ServeOptions::default());
    let way = Arc::<Way>::default();
    let target = way.to(&server.target());
    let (stall, half) = (Duration::from_millis(800), Duration::from_millis(400));
    let length = Duration::from_secs(2);
    for shape in [Shape::Unary, Shape::Stream] {
        meanwhile(&way, |way| &way.holds, Duration::from_millis(700), stall);
        let open = measured(&plan(&target, Pace::Open { per_second: 500.0 }, length), shape);
        assert_eq!((open.sent, open.answered, open.failed.len()), (1_000, 1_000, 0), "{shape:?}");
        // 400 fell due within the stall, and the first half of them waited for more than half of it.
        assert!(later_than(&open, half) >= 150, "{shape:?}: {}", later_than(&open, half));
        assert!(open.latencies.value_at_quantile(0.99) > u64::try_from(half.as_nanos()).unwrap());
    }
    meanwhile(&way, |way| &way.holds, Duration::from_millis(700), stall);
    let closed = measured(&plan(&target, Pace::Closed { in_flight: 2 }, length), Shape::Unary);
    assert!((1..=8).contains(&later_than(&closed, half)), "{}", later_than(&closed, half));
}

/// Every request has one outcome, the server counts the same calls as the client, and its own times are shorter.
#[test]
fn client_and_server_count_the_same_calls() {
    let socket = tempfile::tempdir().unwrap();
    let unix = socket.path().join("s.sock");
    let (_folder, server) = house(ServeOptions { unix: Some(unix.clone()), ..Default::default() });
    let paces = [Pace::Open { per_second: 400.0 }, Pace::Closed { in_flight: 4 }];
    for (place, target) in [server.target(), format!("unix:{}", unix.display())].iter().enumerate() {
        for (shape, pace) in [Shape::Unary, Shape::Batch(16), Shape::Stream]
            .into_iter()
            .flat_map(|shape| paces.map(|pace| (shape, pace)))
        {
            let found = measured(&plan(target, pace, Duration::from_millis(300)), shape);
            assert!(found.answered >= 100, "{place} {shape:?} {pace:?}: {found:?}");
            assert_eq!((found.answered, found.failed.len()), (found.sent, 0), "{place} {shape:?} {pace:?}");
            assert_eq!(found.latencies.len(), found.answered);
            let span = found.server.as_ref().unwrap();
            assert!(span.cpu_ns > 0);
            if shape == Shape::Stream {
                assert_eq!(span.calls, 0, "messages of a stream are not timed");
            } else {
                assert_eq!(span.calls, found.answered, "{place} {shape:?} {pace:?}");
                assert!(span.total_ns / span.calls < found.latencies.mean() as u64);
            }
            let json = found.to_json();
            assert_eq!(json["answered"], found.answered);
            let counts = json["histogram"].as_array().unwrap().iter().map(|bucket| bucket[1].as_u64().unwrap());
            assert_eq!(counts.sum::<u64>(), found.answered);
        }
    }
}

/// A connection that breaks loses what was on it, which is counted by name; the run goes on over another one.
#[test]
fn a_broken_connection_is_counted_and_replaced() {
    let (_folder, server) = house(ServeOptions::default());
    for shape in [Shape::Unary, Shape::Stream] {
        let way = Arc::<Way>::default();
        let target = way.to(&server.target());
        meanwhile(&way, |way| &way.breaks, Duration::from_millis(400), Duration::from_millis(100));
        let found = measured(&plan(&target, Pace::Open { per_second: 500.0 }, Duration::from_secs(1)), shape);
        let lost = found.failed["CONNECTION_LOST"];
        assert_eq!((found.answered + lost, found.failed.len()), (500, 1), "{shape:?}");
        assert!((1..=400).contains(&lost), "{shape:?}: {lost}");
    }
}

/// A server that refuses for overload is not fast: its refusals are counted by code and have no latency.
#[test]
fn refusals_are_counted_by_code_and_are_no_latencies() {
    let (_folder, server) = house(ServeOptions { in_flight: 0, ..Default::default() });
    let found =
        measured(&plan(&server.target(), Pace::Open { per_second: 200.0 }, Duration::from_millis(500)), Shape::Unary);
    assert_eq!(found.failed.iter().collect::<Vec<_>>(), [(&"RESOURCE_EXHAUSTED", &100)]);
    assert_eq!((found.answered, found.latencies.len()), (0, 0));
}

/// A run that is stopped ends soon, with what was measured; an answer that never comes is one that is missing.
#[test]
fn a_stopped_run_gives_what_it_has() {
    let (_folder, server) = house(ServeOptions::default());
    let way = Arc::<Way>::default();
    let target = way.to(&server.target());
    let watch = Arc::<Watch>::default();
    let stopper = Arc::clone(&watch);
    meanwhile(&way, |way| &way.holds, Duration::from_millis(300), Duration::from_secs(5));
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(600));
        stopper.stop();
    });
    let plan = plan(&target, Pace::Open { per_second: 200.0 }, Duration::from_mins(10));
    let found = run(&plan, &questions(Shape::Unary), &watch).unwrap();
    assert!(found.is_stopped && found.answered > 0 && found.sent < 2_000, "{found:?}");
    assert_eq!(found.failed["NO_ANSWER"] + found.answered, found.sent);
    assert_eq!(found.latencies.len(), found.sent, "what had no answer took at least so long");
    assert_eq!(found.sent, watch.sent());
}

/// Nothing there is `Unavailable` with the address; a plan that says nothing is `InvalidInput` naming the field.
#[test]
fn what_cannot_run_is_refused() {
    let pace = Pace::Open { per_second: 1.0 };
    let refused = |plan: &Plan| run(plan, &questions(Shape::Unary), &Arc::default()).unwrap_err();
    let second = Duration::from_secs(1);
    let gone = refused(&plan("127.0.0.1:1", pace, second));
    assert!(gone.kind() == ErrorKind::Unavailable && gone.to_string().contains("127.0.0.1:1"), "{gone}");
    for (wrong, field) in [
        (plan("127.0.0.1:1", Pace::Open { per_second: 0.0 }, second), "rate"),
        (plan("127.0.0.1:1", Pace::Open { per_second: f64::NAN }, second), "rate"),
        (plan("127.0.0.1:1", Pace::Closed { in_flight: 0 }, second), "in_flight"),
        (plan("127.0.0.1:1", pace, Duration::ZERO), "duration"),
        (Plan { connections: 0, ..plan("127.0.0.1:1", pace, second) }, "connections"),
    ] {
        assert_eq!(refused(&wrong).field_name(), Some(field));
    }
}
