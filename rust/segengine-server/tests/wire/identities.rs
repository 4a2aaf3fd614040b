//! Resolve, links, members and loads: each once good, once bad.

use segengine::ErrorKind;
use segengine_server::v1::load_memberships_request::Part;
use segengine_server::v1::{self, LoadMembershipsRequest};
use tonic::Code;

use crate::house::{CAMPAIGN, House, failure, person};

fn device(value: &str) -> v1::Identifier {
    v1::Identifier { kind: 5, value: value.to_owned().into(), scope: String::new() }
}

async fn profiles(house: &House, identifiers: Vec<v1::Identifier>) -> Vec<u32> {
    let asked = v1::ResolveRequest { identifiers, ..Default::default() };
    house.identity().resolve(asked).await.unwrap().into_inner().profiles
}

/// Known identifiers have a profile, unknown and malformed ones none; linking makes two profiles one, unlinking undoes
/// it, and a repeated request id changes nothing twice.
#[tokio::test]
async fn links_join_profiles_and_can_be_withdrawn() {
    let house = House::open().await;
    let mut client = house.identity();
    let strange = v1::Identifier { kind: 31, ..person(0) };
    let found = profiles(&house, vec![person(0), person(999), strange, person(1)]).await;
    assert!(found[0] != found[3] && found[1] == u32::MAX && found[2] == u32::MAX, "{found:?}");
    let pair = v1::IdentifierPair { left: Some(person(0)), right: Some(person(1)) };
    let asked =
        v1::LinkIdentifiersRequest { pairs: vec![pair.clone()], request_id: "one".to_owned(), ..Default::default() };
    let first = client.link_identifiers(asked.clone()).await.unwrap().into_inner();
    assert_eq!((first.pairs, first.changed), (1, 1));
    let again = client.link_identifiers(asked).await.unwrap().into_inner();
    assert_eq!((again.revision, again.changed), (first.revision, 0), "the same request is done once");
    let found = profiles(&house, vec![person(0), person(1)]).await;
    assert_eq!(found[0], found[1]);
    let asked = v1::UnlinkIdentifiersRequest { pairs: vec![pair], ..Default::default() };
    assert_eq!(client.unlink_identifiers(asked).await.unwrap().into_inner().changed, 1);
    let found = profiles(&house, vec![person(0), person(1)]).await;
    assert_ne!(found[0], found[1]);
}

/// One malformed pair refuses the whole call and says which one it is.
#[tokio::test]
async fn a_malformed_pair_refuses_all() {
    let house = House::open().await;
    let mut client = house.identity();
    let revision = house.engine.revision();
    let good = v1::IdentifierPair { left: Some(person(0)), right: Some(person(1)) };
    let bad = v1::IdentifierPair { left: Some(person(2)), right: Some(v1::Identifier { kind: 1, ..device("xyz") }) };
    let asked = v1::LinkIdentifiersRequest { pairs: vec![good, bad], ..Default::default() };
    let (refused, code) = failure(client.link_identifiers(asked).await);
    assert_eq!((refused.kind, code), (ErrorKind::InvalidInput, Code::InvalidArgument));
    assert_eq!(refused.field.as_deref(), Some("pairs[1].right"));
    let left = v1::IdentifierColumn { texts: vec!["network:u1".to_owned(); 2], ..Default::default() };
    let right = v1::IdentifierColumn { texts: vec!["device:a".to_owned()], ..Default::default() };
    let asked = v1::UnlinkIdentifiersRequest { left: Some(left), right: Some(right), ..Default::default() };
    assert_eq!(failure(client.unlink_identifiers(asked).await).0.field.as_deref(), Some("right"));
    assert_eq!(house.engine.revision(), revision, "nothing was changed");
}

/// A stream of link requests is one change; one message that is malformed withdraws them all.
#[tokio::test]
async fn bulk_links_are_one_change() {
    let house = House::open().await;
    let mut client = house.identity();
    let column = |texts: Vec<String>| Some(v1::IdentifierColumn { texts, ..Default::default() });
    let message = |from: u32| v1::LinkIdentifiersRequest {
        left: column((from..from + 100).map(|number| format!("network:n{number}")).collect()),
        right: column((from..from + 100).map(|number| format!("device:d{number}")).collect()),
        ..Default::default()
    };
    let messages = vec![message(0), message(100), message(200)];
    let done = client.bulk_link_identifiers(tokio_stream::iter(messages)).await.unwrap().into_inner();
    assert_eq!((done.pairs, done.changed, done.new_identifiers), (300, 300, 600));
    let revision = house.engine.revision();
    let broken = v1::LinkIdentifiersRequest { right: column(vec!["device".to_owned()]), ..message(300) };
    let messages = vec![message(300), broken];
    let (refused, _) = failure(client.bulk_link_identifiers(tokio_stream::iter(messages)).await);
    assert_eq!(refused.kind, ErrorKind::InvalidInput);
    assert_eq!(house.engine.revision(), revision);
    let messages: Vec<v1::UnlinkIdentifiersRequest> =
        vec![v1::UnlinkIdentifiersRequest { left: message(0).left, right: message(0).right, ..Default::default() }];
    let done = client.bulk_unlink_identifiers(tokio_stream::iter(messages)).await.unwrap().into_inner();
    assert_eq!((done.pairs, done.changed), (100, 100));
}

/// Members come and go one by one; a segment that is none is `NOT_FOUND`.
#[tokio::test]
async fn members_change_at_once() {
    let house = House::open().await;
    let mut client = house.segments();
    let name = "acme/spring/rares".to_owned();
    let asked = v1::ChangeMembersRequest { name, identifiers: vec![person(1), person(0)], ..Default::default() };
    let done = client.add_members(asked.clone()).await.unwrap().into_inner();
    assert_eq!((done.changed, done.unchanged), (1, 1));
    let done = client.remove_members(asked.clone()).await.unwrap().into_inner();
    assert_eq!((done.changed, done.unchanged), (2, 0));
    let (refused, code) =
        failure(client.add_members(v1::ChangeMembersRequest { name: "acme/spring/nobody".to_owned(), ..asked }).await);
    assert_eq!((refused.kind, code), (ErrorKind::NotFound, Code::NotFound));
}

fn header(segments: &[&str]) -> LoadMembershipsRequest {
    let segments = segments.iter().map(|name| (*name).to_owned()).collect();
    let header = v1::LoadHeader { parent: CAMPAIGN.to_owned(), segments, ..Default::default() };
    LoadMembershipsRequest { part: Some(Part::Header(header)) }
}

fn chunk(chunk: v1::LoadChunk) -> LoadMembershipsRequest {
    LoadMembershipsRequest { part: Some(Part::Chunk(chunk)) }
}

/// A load replaces what it names, creates what is missing, takes hashes packed and identifiers in text, counts what it
/// leaves out, and adds up.
#[tokio::test]
async fn a_load_replaces_and_creates() {
    let house = House::open().await;
    let hashes: Vec<u8> = (0..60_u8).flat_map(|number| [number + 1; 16]).collect();
    let packed = v1::IdentifierColumn { kind: 1, width: 16, packed: hashes.into(), ..Default::default() };
    let packed = v1::LoadChunk { identifiers: Some(packed), segments: vec![1; 60], ..Default::default() };
    let texts = vec!["network:u5".to_owned(), "network:u5".to_owned(), "nonsense".to_owned()];
    let texts = v1::IdentifierColumn { texts, ..Default::default() };
    let left_out = vec![v1::InvalidCount { reason: "null".to_owned(), count: 2 }];
    let texts = v1::LoadChunk { identifiers: Some(texts), left_out, ..Default::default() };
    let parts = vec![header(&["Rares", "Nouveaux"]), chunk(packed), chunk(texts)];
    let done = house.identity().load_memberships(tokio_stream::iter(parts)).await.unwrap().into_inner();
    assert_eq!((done.rows_total, done.valid, done.unique, done.duplicates), (65, 62, 61, 1));
    let left_out: u64 = done.invalid.iter().map(|count| count.count).sum();
    assert_eq!(done.rows_total, done.valid + left_out);
    let segments: Vec<_> = done.segments.iter().map(|segment| (segment.profile_count, segment.created)).collect();
    assert_eq!(segments, [(1, false), (60, true)]);
}

/// What a load refuses says where: no header, a second one, lists of different lengths, a segment beyond the header's.
#[tokio::test]
async fn a_load_refuses_what_does_not_fit() {
    let house = House::open().await;
    let one = v1::IdentifierColumn { texts: vec!["network:u1".to_owned()], ..Default::default() };
    let with =
        |segments: Vec<u32>| chunk(v1::LoadChunk { identifiers: Some(one.clone()), segments, ..Default::default() });
    let cases = [
        (vec![], "header"),
        (vec![with(vec![0])], "header"),
        (vec![header(&["a"]), header(&["a"])], "chunk"),
        (vec![header(&["a"]), with(vec![0, 0])], "segments"),
        (vec![header(&["a"]), with(vec![1])], "segments"),
    ];
    for (parts, field) in cases {
        let (refused, code) = failure(house.identity().load_memberships(tokio_stream::iter(parts)).await);
        assert_eq!((refused.field.as_deref(), code), (Some(field), Code::InvalidArgument), "{refused:?}");
    }
}
