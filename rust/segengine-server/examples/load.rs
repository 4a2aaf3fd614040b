//! A cheap client for `Targeting/Match`: frames made beforehand go over a few bare HTTP/2 connections, so that the
//! server is what is measured.
//!
//! `load TARGET FRAMES CONNECTIONS IN_FLIGHT SECONDS [RATE]`: `FRAMES` holds gRPC frames one after the other. Without a
//! rate the loop is closed: each connection keeps `IN_FLIGHT` requests on their way, which finds the capacity. With a rate
//! it is open: requests are due at even intervals, and latency counts from when each was due, not from when it could be
//! sent (coordinated omission). Prints one JSON object: answers, failures, rate, p50, p99 and maximum in microseconds.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool: it may stop where it stands")]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;

#[derive(Default)]
struct Counted {
    answers: u64,
    failures: u64,
    latencies_us: Vec<f64>,
}

fn frames(path: &str) -> Vec<Bytes> {
    let mut rest = Bytes::from(std::fs::read(path).unwrap());
    let mut frames = Vec::new();
    while rest.len() >= 5 {
        let length = u32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize;
        frames.push(rest.split_to(5 + length));
    }
    frames
}

async fn ask(sender: &mut SendRequest<Bytes>, target: &str, frame: Bytes) -> Result<(), h2::Error> {
    let request = http::Request::post(format!("http://{target}/segengine.v1.Targeting/Match"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let mut ready = sender.clone().ready().await?;
    let (response, mut stream) = ready.send_request(request, false)?;
    stream.send_data(frame, true)?;
    let mut body = response.await?.into_body();
    while let Some(data) = body.data().await {
        let length = data?.len();
        body.flow_control().release_capacity(length)?;
    }
    let trailers = body.trailers().await?;
    let ok = trailers.is_some_and(|trailers| trailers.get("grpc-status").is_some_and(|status| status == "0"));
    if ok { Ok(()) } else { Err(h2::Reason::INTERNAL_ERROR.into()) }
}

/// The timer is exact to a millisecond only; what is left is spent turning over to the other lanes.
async fn wait_for(due: Instant) {
    if let Some(long) = due.checked_duration_since(Instant::now() + Duration::from_millis(2)) {
        tokio::time::sleep(long).await;
    }
    while Instant::now() < due {
        tokio::task::yield_now().await;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, path, connections, in_flight, seconds] = arguments.get(..5).unwrap() else { unreachable!() };
    let rate: Option<f64> = arguments.get(5).map(|rate| rate.parse().unwrap());
    let frames = Rc::new(frames(path));
    let connections: usize = connections.parse().unwrap();
    let in_flight: usize = in_flight.parse().unwrap();
    let length = Duration::from_secs_f64(seconds.parse().unwrap());
    let counted = Rc::new(RefCell::new(Counted::default()));
    let local = tokio::task::LocalSet::new();
    let elapsed = local
        .run_until(async {
            let mut senders = Vec::new();
            for _ in 0..connections {
                let socket = tokio::net::TcpStream::connect(target).await.unwrap();
                socket.set_nodelay(true).unwrap();
                let (sender, connection) = h2::client::handshake(socket).await.unwrap();
                tokio::task::spawn_local(connection);
                senders.push(sender);
            }
            let started = Instant::now();
            let mut tasks = Vec::new();
            for lane in 0..connections * in_flight {
                let (mut sender, frames) = (senders[lane % connections].clone(), Rc::clone(&frames));
                let (counted, target) = (Rc::clone(&counted), target.clone());
                let lanes = connections * in_flight;
                tasks.push(tokio::task::spawn_local(async move {
                    for turn in 0.. {
                        let number = lane + turn * lanes;
                        let due = rate
                            .map_or_else(Instant::now, |rate| started + Duration::from_secs_f64(number as f64 / rate));
                        if due.duration_since(started) >= length || started.elapsed() >= length {
                            return;
                        }
                        wait_for(due).await;
                        let done = ask(&mut sender, &target, frames[number % frames.len()].clone()).await;
                        let mut counted = counted.borrow_mut();
                        counted.failures += u64::from(done.is_err());
                        counted.answers += u64::from(done.is_ok());
                        counted.latencies_us.push(due.elapsed().as_secs_f64() * 1e6);
                    }
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
            started.elapsed()
        })
        .await;
    let mut counted = counted.borrow_mut();
    counted.latencies_us.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let last = counted.latencies_us.len().saturating_sub(1);
        counted.latencies_us.get((last as f64 * share) as usize).copied().unwrap_or_default()
    };
    println!(
        "{{\"answers\": {}, \"failures\": {}, \"rate\": {:.1}, \"p50_us\": {:.1}, \"p99_us\": {:.1}, \"max_us\": {:.1}}}",
        counted.answers,
        counted.failures,
        counted.answers as f64 / elapsed.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}
