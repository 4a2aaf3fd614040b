//! The services without a network, as the Python extension calls them.

use std::time::Duration;

use prost::Message as _;
use segengine::ErrorKind;
use segengine_server::{Failure, LocalServices, v1};

use crate::house::{CAMPAIGN, engine, person};

fn all(number: u32) -> v1::MatchRequest {
    let candidates = Some(v1::match_request::Candidates::All(true));
    v1::MatchRequest { identifiers: vec![person(number)], candidates, ..Default::default() }
}

const MATCH: &str = "segengine.v1.Targeting/Match";

/// One message in, one out; from many threads at once.
#[test]
fn one_message_is_answered_by_one() {
    let (_folder, engine) = engine();
    let services = LocalServices::new(&engine, || Ok(())).unwrap();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let services = &services;
            scope.spawn(move || {
                for _ in 0..200 {
                    let answer = services.unary(MATCH, &all(number).encode_to_vec(), None).unwrap();
                    assert_eq!(v1::MatchResponse::decode(answer).unwrap().identified, 1);
                }
            });
        }
    });
}

/// A refusal has the class, the field and the hint that it has over the network.
#[test]
fn a_refusal_is_whole() {
    let (_folder, engine) = engine();
    let services = LocalServices::new(&engine, || Ok(())).unwrap();
    let refused = services.unary(MATCH, &v1::MatchRequest::default().encode_to_vec(), None).unwrap_err();
    assert_eq!((refused.kind, refused.field.as_deref()), (ErrorKind::InvalidInput, Some("candidates")));
    assert!(refused.hint.is_some());
    let refused = services.unary(MATCH, &[0xff; 9], None).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::InvalidInput, "bytes that are no message");
    let refused = services.unary(MATCH, &all(0).encode_to_vec(), Some(Duration::ZERO)).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::DeadlineExceeded, "a call whose time is over is not evaluated");
    assert!(services.unary("segengine.v1.Targeting/Guess", &[], None).is_err());
    engine.close().unwrap();
    assert_eq!(services.unary(MATCH, &all(0).encode_to_vec(), None).unwrap_err().kind, ErrorKind::EngineClosed);
}

fn upload(chunks: u32) -> Vec<Result<bytes::Bytes, Failure>> {
    use v1::upload_segment_request::Part;
    let (parent, display_name) = (CAMPAIGN.to_owned(), "Clients".to_owned());
    let header = v1::UploadHeader { parent, display_name, wait: true, ..Default::default() };
    let line = |number: u32| format!("{number:032x}\n");
    let chunk = |number: u32| (100 * number..100 * (number + 1)).map(line).collect::<Vec<_>>().concat();
    let parts =
        std::iter::once(Part::Header(header)).chain((0..chunks).map(|number| Part::Chunk(chunk(number).into())));
    parts.map(|part| Ok(v1::UploadSegmentRequest { part: Some(part) }.encode_to_vec().into())).collect()
}

const UPLOAD: &str = "segengine.v1.Segments/UploadSegment";

/// A stream in, one message out; a source that breaks gives its own error, and the segment has no version from it.
#[test]
fn a_stream_is_taken_in() {
    let (_folder, engine) = engine();
    let services = LocalServices::new(&engine, || Ok(())).unwrap();
    let answer = services.client_stream(UPLOAD, upload(50), None).unwrap();
    let done = v1::Operation::decode(answer).unwrap();
    assert_eq!((done.state(), done.report.unwrap().unique), (v1::OperationState::Succeeded, 5_000));
    let broken = Failure { kind: ErrorKind::Storage, message: "the pipe broke".to_owned(), field: None, hint: None };
    let mut parts = upload(3);
    parts.push(Err(broken.clone()));
    assert_eq!(services.client_stream(UPLOAD, parts, None).unwrap_err(), broken);
    let parts = vec![upload(1).remove(1)];
    assert_eq!(services.client_stream(UPLOAD, parts, None).unwrap_err().field.as_deref(), Some("header"));
}

/// One message in, a stream out, pulled by iterating; dropping it early is fine.
#[test]
fn a_stream_is_given_out() {
    let (_folder, engine) = engine();
    let services = LocalServices::new(&engine, || Ok(())).unwrap();
    let set = |text: &str| v1::EvaluateRequest {
        query: Some(v1::SetQuery {
            parent: CAMPAIGN.to_owned(),
            set: Some(v1::set_query::Set::Expression(text.to_owned())),
        }),
        min_revision: 0,
    };
    let method = "segengine.v1.Targeting/Evaluate";
    let parts = services.server_stream(method, &set("actifs").encode_to_vec(), None).unwrap();
    let parts: Vec<_> = parts.map(|part| v1::EvaluateResponse::decode(part.unwrap()).unwrap()).collect();
    assert_eq!(parts.len(), 2, "a header and one chunk");
    let mut refused = services.server_stream(method, &set("nobody").encode_to_vec(), None).unwrap();
    assert_eq!(refused.next().unwrap().unwrap_err().kind, ErrorKind::NotFound);
    assert!(refused.next().is_none());
    drop(services.server_stream(method, &set("actifs").encode_to_vec(), None).unwrap());
}
