//! Beginning and end: before an engine is there, a port in use, an address that is not ours, stopping.

use std::time::{Duration, Instant};

use segengine::ErrorKind;
use segengine_server::{ServeOptions, Server, serve, v1};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::house::{House, connect, engine, failure, options, person};

fn all() -> v1::MatchRequest {
    let candidates = Some(v1::match_request::Candidates::All(true));
    v1::MatchRequest { identifiers: vec![person(0)], candidates, ..Default::default() }
}

/// Before the engine is mounted the health check says `NOT_SERVING` and calls are UNAVAILABLE; afterwards both answer, on
/// the same connection.
#[tokio::test]
async fn nothing_is_answered_before_the_engine_is_there() {
    let server = Server::start(&options()).unwrap();
    let channel = connect(&server).await;
    let mut health = HealthClient::new(channel.clone());
    let mut targeting = v1::targeting_client::TargetingClient::new(channel);
    let check = HealthCheckRequest::default;
    assert_eq!(health.check(check()).await.unwrap().into_inner().status(), ServingStatus::NotServing);
    let (refused, code) = failure(targeting.r#match(all()).await);
    assert_eq!((refused.kind, code), (ErrorKind::Unavailable, Code::Unavailable));
    let (_folder, engine) = engine();
    server.mount(&engine);
    assert_eq!(health.check(check()).await.unwrap().into_inner().status(), ServingStatus::Serving);
    targeting.r#match(all()).await.unwrap();
}

/// A port in use is named, whoever has it: another program, or a server of ours in this process.
#[tokio::test]
async fn a_port_in_use_is_named() {
    let house = House::open().await;
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for taken in [house.server.target(), other.local_addr().unwrap().to_string()] {
        let error = serve(&house.engine, &ServeOptions { listen: taken.clone(), ..options() }).unwrap_err();
        let port = taken.rsplit(':').next().unwrap();
        assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
        assert!(error.message().contains(&format!("port {port} is in use")), "{error}");
        assert!(error.hint_text().is_some());
    }
    house.engine.check_revision(house.engine.revision()).unwrap();
}

/// Without credentials only loopback is served, and the sentence says so.
#[test]
fn other_addresses_than_loopback_are_refused() {
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let error = Server::start(&ServeOptions { listen: listen.to_owned(), ..options() }).unwrap_err();
        assert!(error.message().contains("only loopback addresses are served"), "{error}");
    }
}

/// A stopping server ends its streams with UNAVAILABLE, answers no new connection, frees its port, and is gone long
/// before the grace is over.
#[tokio::test]
async fn a_server_stops_in_good_order() {
    let house = House::open().await;
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let mut stream = house.targeting().match_stream(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    sender.send(all()).await.unwrap();
    stream.message().await.unwrap().unwrap();
    let began = Instant::now();
    house.server.stop();
    let (refused, code) = failure(stream.message().await);
    assert_eq!((refused.kind, code), (ErrorKind::Unavailable, Code::Unavailable));
    drop((stream, sender));
    let server = house.server;
    let target = server.target();
    tokio::task::spawn_blocking(move || server.wait()).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    let again = serve(&house.engine, &ServeOptions { listen: target, ..options() }).unwrap();
    drop(again);
}

/// A connection without a call does not hold the end up, even when its client is asleep and reads nothing.
#[tokio::test]
async fn a_sleeping_client_is_not_waited_for() {
    let house = House::open().await;
    house.targeting().r#match(all()).await.unwrap();
    let began = Instant::now();
    // The client's runtime is this thread, which is blocked meanwhile.
    house.server.stop();
    house.server.wait();
    assert!(began.elapsed() < options().grace, "{:?}", began.elapsed());
}

/// Stopping and starting under calls: each call has an answer or UNAVAILABLE, and succeeds on the next server.
#[tokio::test]
async fn a_restart_under_calls_loses_none_without_a_status() {
    let (_folder, engine) = engine();
    let mut refused = 0;
    for _ in 0..5 {
        let server = serve(&engine, &options()).unwrap();
        let channel = connect(&server).await;
        let calls = (0..64).map(|_| {
            let mut client = v1::targeting_client::TargetingClient::new(channel.clone());
            tokio::spawn(async move { client.r#match(all()).await })
        });
        let calls: Vec<_> = calls.collect();
        server.stop();
        for call in calls {
            match call.await.unwrap() {
                Ok(answer) => assert_eq!(answer.into_inner().adgroups.len(), 3),
                Err(status) => {
                    refused += 1;
                    // This client's library calls a stream internal that a goodbye without an error did not take any more.
                    let is_late = status.code() == Code::Internal && format!("{status:?}").contains("NO_ERROR, Remote");
                    let is_refused = matches!(status.code(), Code::Unavailable | Code::Cancelled | Code::Unknown);
                    assert!(is_late || is_refused, "{status:?}");
                }
            }
        }
        tokio::task::spawn_blocking(move || drop(server)).await.unwrap();
    }
    eprintln!("{refused} of 320 calls came too late");
}

/// A unix socket serves the same, for this user only, and its file goes with the server.
#[tokio::test]
async fn a_unix_socket_serves_too() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, engine) = engine();
    let path = folder.path().join("segengine.sock");
    let server = serve(&engine, &ServeOptions { unix: Some(path.clone()), ..options() }).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let channel = tonic::transport::Endpoint::from_shared(format!("unix://{}", path.display())).unwrap();
    let channel = channel.connect().await.unwrap();
    let mut client = v1::targeting_client::TargetingClient::new(channel);
    assert_eq!(client.r#match(all()).await.unwrap().into_inner().adgroups.len(), 3);
    drop(client);
    tokio::task::spawn_blocking(move || drop(server)).await.unwrap();
    assert!(!path.exists());
}
