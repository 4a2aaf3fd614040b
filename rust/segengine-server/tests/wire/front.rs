//! What holds for every method: policies, sizes, garbage, overload, health, reflection.

use std::collections::BTreeSet;
use std::time::Duration;

use segengine::{ErrorKind, limits};
use segengine_server::policy::Policies;
use segengine_server::{ServeOptions, v1};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use crate::house::{House, connect, failure, options, person};
use crate::raw;

fn all(number: u32) -> v1::MatchRequest {
    let candidates = Some(v1::match_request::Candidates::All(true));
    v1::MatchRequest { identifiers: vec![person(number)], candidates, ..Default::default() }
}

/// Bytes that are no message are `INVALID_ARGUMENT` with details, at each of the methods, and none of them is lost by it.
#[tokio::test]
async fn garbage_is_refused_by_every_method() {
    let house = House::open().await;
    let policies = Policies::read(v1::FILE_DESCRIPTOR_SET).unwrap();
    let mut seen = 0;
    for method in policies.methods() {
        let refused = raw::call(&house.channel, method, &[0xff; 32]).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{method}: {refused:?}");
        let info = refused.get_details_error_info().unwrap_or_else(|| panic!("{method}: no details"));
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("INVALID_INPUT", "segengine"), "{method}");
        seen += 1;
    }
    assert!(seen >= 45, "{seen}");
    assert_eq!(house.targeting().r#match(all(0)).await.unwrap().into_inner().adgroups.len(), 3);
}

/// A method or service that does not exist is UNIMPLEMENTED, with a hint.
#[tokio::test]
async fn an_unknown_method_is_said_to_be_one() {
    let house = House::open().await;
    for path in ["/segengine.v1.Targeting/Guess", "/segengine.v2.Targeting/Match", "/"] {
        let refused = raw::call(&house.channel, path, &[]).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented, "{path}");
        assert!(refused.get_details_error_info().is_some(), "{path}");
    }
}

/// Match takes 64 KiB, everything else 4 MiB; what is larger is `RESOURCE_EXHAUSTED` and the connection goes on.
#[tokio::test]
async fn a_message_that_is_too_large_is_refused() {
    let house = House::open().await;
    let mut large = all(0);
    large.identifiers.push(v1::Identifier {
        kind: 31,
        value: vec![b'x'; limits::MATCH_MESSAGE_BYTES].into(),
        scope: String::new(),
    });
    let (refused, code) = failure(house.targeting().r#match(large.clone()).await);
    assert_eq!((refused.kind, code), (ErrorKind::LimitExceeded, Code::ResourceExhausted));
    assert!(refused.hint.is_some());
    let users = vec![v1::UserIdentifiers { identifiers: large.identifiers }];
    let candidates = Some(v1::match_batch_request::Candidates::All(true));
    let batch = v1::MatchBatchRequest { users, candidates, ..Default::default() };
    house.targeting().match_batch(batch.clone()).await.unwrap();
    let value = vec![b'x'; limits::MESSAGE_BYTES].into();
    let identifiers = vec![v1::Identifier { kind: 31, value, scope: String::new() }];
    let batch = v1::MatchBatchRequest { users: vec![v1::UserIdentifiers { identifiers }], ..batch };
    let (refused, code) = failure(house.targeting().match_batch(batch).await);
    assert_eq!((refused.kind, code), (ErrorKind::LimitExceeded, Code::ResourceExhausted));
    assert_eq!(house.targeting().r#match(all(0)).await.unwrap().into_inner().adgroups.len(), 3);
}

/// With as many calls in flight as the server takes, another one is refused at once and told when to come again; once
/// one has ended, calls are answered.
#[tokio::test]
async fn an_overloaded_server_sheds() {
    let house = House::with(&ServeOptions { in_flight: 1, ..options() }).await;
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let mut held = house.targeting().match_stream(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    sender.send(all(0)).await.unwrap();
    assert_eq!(held.message().await.unwrap().unwrap().adgroups.len(), 3, "the stream takes the only place");
    let refused = house.targeting().r#match(all(0)).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.get_details_retry_info().unwrap().retry_delay.unwrap() > Duration::ZERO);
    let health = HealthClient::new(house.channel.clone()).check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(health.into_inner().status(), ServingStatus::Serving, "the health check is always answered");
    drop(sender);
    assert!(held.message().await.unwrap().is_none());
    drop(held);
    let mut answered = house.targeting().r#match(all(0)).await;
    for _ in 0..200 {
        if answered.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        answered = house.targeting().r#match(all(0)).await;
    }
    answered.unwrap();
}

/// The health check knows the whole and each service, says `NOT_FOUND` for others, and `NOT_SERVING` once the engine is
/// closed; calls are UNAVAILABLE then.
#[tokio::test]
async fn health_follows_the_engine() {
    let house = House::open().await;
    let mut client = HealthClient::new(house.channel.clone());
    let check = |service: &str| HealthCheckRequest { service: service.to_owned() };
    for service in ["", "segengine.v1.Targeting", "segengine.v1.Admin"] {
        let answer = client.check(check(service)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service:?}");
    }
    assert_eq!(client.check(check("segengine.v1.Nothing")).await.unwrap_err().code(), Code::NotFound);
    let mut watched = client.watch(check("")).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    house.engine.close().unwrap();
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_eq!(client.check(check("")).await.unwrap().into_inner().status(), ServingStatus::NotServing);
    let (refused, code) = failure(house.targeting().r#match(all(0)).await);
    assert_eq!((refused.kind, code), (ErrorKind::EngineClosed, Code::Unavailable));
}

/// Reflection lists every service, in the version of today and in the one that older tools ask for.
#[tokio::test]
async fn reflection_lists_all_services() {
    let house = House::open().await;
    let policies = Policies::read(v1::FILE_DESCRIPTOR_SET).unwrap();
    let expected: BTreeSet<String> =
        policies.services().iter().cloned().chain(["grpc.health.v1.Health".to_owned()]).collect();
    macro_rules! listed {
        ($version:ident) => {{
            use tonic_reflection::pb::$version::ServerReflectionRequest;
            use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
            use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
            use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;
            let message_request = Some(MessageRequest::ListServices(String::new()));
            let asked = ServerReflectionRequest { host: String::new(), message_request };
            let mut client = ServerReflectionClient::new(house.channel.clone());
            let mut answers = client.server_reflection_info(tokio_stream::iter([asked])).await.unwrap().into_inner();
            match answers.message().await.unwrap().unwrap().message_response {
                Some(MessageResponse::ListServicesResponse(list)) => {
                    list.service.into_iter().map(|service| service.name).collect::<BTreeSet<String>>()
                }
                other => panic!("{other:?}"),
            }
        }};
    }
    for listed in [listed!(v1), listed!(v1alpha)] {
        assert!(listed.is_superset(&expected), "{listed:?}");
    }
}

/// The facts of the engine, its table of limits, and a verification that finds nothing.
#[tokio::test]
async fn admin_says_what_the_engine_is() {
    let house = House::open().await;
    let info = house.admin().get_info(v1::GetInfoRequest {}).await.unwrap().into_inner();
    assert_eq!((info.advertisers, info.campaigns, info.segments, info.adgroups), (1, 1, 3, 3));
    assert_eq!((info.identifiers, info.memberships, info.poisoned), (150, 201, false));
    let table = house.admin().get_limits(v1::GetLimitsRequest {}).await.unwrap().into_inner().limits;
    assert_eq!(table.len(), limits::TABLE.len());
    let users = table.iter().find(|limit| limit.name == "USERS_PER_BATCH").unwrap();
    assert_eq!((users.value, users.unit.as_str()), (65_536, "users"));
    let upload = table.iter().find(|limit| limit.name == "UPLOAD_BYTES").unwrap();
    assert_eq!(upload.value, 16 << 30, "the table has the bound, not what its expression is in 32 bits");
    let mut parts = house.admin().verify(v1::VerifyRequest {}).await.unwrap().into_inner();
    let mut last = None;
    while let Some(part) = parts.message().await.unwrap() {
        last = part.part;
    }
    match last {
        Some(v1::verify_response::Part::Summary(summary)) => {
            assert_eq!((summary.findings, summary.files > 0), (0, true));
        }
        other => panic!("{other:?}"),
    }
}

/// Each of many connections is answered, whichever runtime it falls to.
#[tokio::test]
async fn every_connection_is_answered() {
    let house = House::open().await;
    for number in 0..32 {
        let channel = connect(&house.server).await;
        let mut client = v1::targeting_client::TargetingClient::new(channel);
        assert_eq!(client.r#match(all(number)).await.unwrap().into_inner().identified, 1);
    }
}
