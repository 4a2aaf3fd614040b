//! Match, `MatchBatch`, `MatchStream`, Explain, `CountProfiles`, Overlap, Evaluate: each once good, once bad.

use segengine::ErrorKind;
use segengine_server::v1::evaluate_response::Part;
use segengine_server::v1::{self, match_batch_request, match_request, set_query};
use tonic::Code;

use crate::house::{CAMPAIGN, House, failure, person};

fn about(number: u32, candidates: match_request::Candidates) -> v1::MatchRequest {
    v1::MatchRequest { id: 7, identifiers: vec![person(number)], candidates: Some(candidates), ..Default::default() }
}

fn only(ids: &[u32]) -> match_request::Candidates {
    match_request::Candidates::Only(v1::AdgroupIds { ids: ids.to_vec() })
}

const ALL: match_request::Candidates = match_request::Candidates::All(true);

fn set(set: set_query::Set) -> v1::SetQuery {
    v1::SetQuery { parent: CAMPAIGN.to_owned(), set: Some(set) }
}

fn expression(text: &str) -> v1::SetQuery {
    set(set_query::Set::Expression(text.to_owned()))
}

/// Everything, only candidates (in their order, duplicates once), nothing for no candidate; kinds of a later version and
/// malformed values are skipped and counted.
#[tokio::test]
async fn match_answers_what_is_asked() {
    let house = House::open().await;
    let mut client = house.targeting();
    let answer = client.r#match(about(0, ALL)).await.unwrap().into_inner();
    let mut adgroups = answer.adgroups.clone();
    adgroups.sort_unstable();
    assert_eq!((adgroups, answer.id, answer.identified, answer.skipped), (vec![1, 2, 3], 7, 1, 0));
    assert_eq!(answer.generation, house.engine.generation().0);
    let answer = client.r#match(about(60, only(&[99, 2, 1, 2]))).await.unwrap().into_inner();
    assert_eq!((answer.adgroups, answer.skipped), (vec![2], 1), "u60 is excluded from 1, and 99 is unknown");
    let answer = client.r#match(about(0, only(&[]))).await.unwrap().into_inner();
    assert!(answer.adgroups.is_empty(), "an empty list answers nothing");
    let mut strange = about(10, ALL);
    strange.identifiers.insert(0, v1::Identifier { kind: 31, value: "x".into(), scope: String::new() });
    strange.identifiers.insert(1, v1::Identifier { kind: 1, value: "no hash".into(), scope: String::new() });
    let answer = client.r#match(strange).await.unwrap().into_inner();
    assert_eq!((answer.skipped, answer.identified, answer.adgroups.len()), (2, 0b100, 2));
}

/// What Match refuses says which field, and what to give instead.
#[tokio::test]
async fn match_refuses_what_has_no_meaning() {
    let house = House::open().await;
    let mut client = house.targeting();
    let neither = v1::MatchRequest { identifiers: vec![person(0)], ..Default::default() };
    let (refused, code) = failure(client.r#match(neither).await);
    assert_eq!((refused.kind, code), (ErrorKind::InvalidInput, Code::InvalidArgument));
    assert_eq!(refused.field.as_deref(), Some("candidates"));
    assert!(refused.hint.unwrap().contains("all: true"));
    let (refused, _) = failure(client.r#match(about(0, match_request::Candidates::All(false))).await);
    assert_eq!(refused.field.as_deref(), Some("all"));
    let nobody = v1::MatchRequest { candidates: Some(ALL), ..Default::default() };
    let (refused, _) = failure(client.r#match(nobody).await);
    assert_eq!(refused.field.as_deref(), Some("identifiers"));
    let mut crowd = about(0, ALL);
    crowd.identifiers = (0..17).map(person).collect();
    let (refused, code) = failure(client.r#match(crowd).await);
    assert_eq!((refused.kind, code), (ErrorKind::LimitExceeded, Code::ResourceExhausted));
    let later = v1::MatchRequest { min_revision: u64::MAX, ..about(0, ALL) };
    let (refused, code) = failure(client.r#match(later).await);
    assert_eq!((refused.kind, code), (ErrorKind::Unavailable, Code::Unavailable));
}

/// Users singly and as a column, few (answered where they were read) and many (on a thread for work), get what Match
/// gives each; candidates for each user go to that user.
#[tokio::test]
async fn a_batch_is_many_matches() {
    let house = House::open().await;
    let mut client = house.targeting();
    for count in [3, 160] {
        let users: Vec<_> =
            (0..count).map(|number| v1::UserIdentifiers { identifiers: vec![person(number)] }).collect();
        let texts = (0..count).map(|number| format!("network:u{number}")).collect();
        let candidates = Some(match_batch_request::Candidates::Only(v1::AdgroupIds { ids: vec![2, 1] }));
        let singly = v1::MatchBatchRequest { id: 5, users, candidates: candidates.clone(), ..Default::default() };
        let column = v1::IdentifierColumn { texts, ..Default::default() };
        let as_column = v1::MatchBatchRequest { id: 5, column: Some(column), candidates, ..Default::default() };
        let answer = client.match_batch(singly).await.unwrap().into_inner();
        assert_eq!(answer, client.match_batch(as_column).await.unwrap().into_inner());
        for number in 0..count {
            let range = answer.offsets[number as usize] as usize..answer.offsets[number as usize + 1] as usize;
            let one = client.r#match(about(number, only(&[2, 1]))).await.unwrap().into_inner();
            assert_eq!(answer.adgroups[range], one.adgroups[..], "u{number}");
            assert_eq!(answer.status[number as usize] == 0, one.identified != 0, "u{number}");
        }
    }
    let users: Vec<_> = (0..2).map(|number| v1::UserIdentifiers { identifiers: vec![person(number)] }).collect();
    let each = v1::CandidateLists { offsets: vec![0, 1, 3], ids: vec![2, 3, 1] };
    let candidates = Some(match_batch_request::Candidates::Each(each));
    let asked = v1::MatchBatchRequest { users, candidates, ..Default::default() };
    let answer = client.match_batch(asked.clone()).await.unwrap().into_inner();
    assert_eq!((answer.offsets, answer.adgroups), (vec![0, 1, 2], vec![2, 1]));
    let torn = v1::CandidateLists { offsets: vec![0, 3], ids: vec![2, 3, 1] };
    let asked = v1::MatchBatchRequest { candidates: Some(match_batch_request::Candidates::Each(torn)), ..asked };
    assert_eq!(failure(client.match_batch(asked.clone()).await).0.field.as_deref(), Some("each.offsets"));
    let asked = v1::MatchBatchRequest { candidates: None, ..asked };
    assert_eq!(failure(client.match_batch(asked).await).0.field.as_deref(), Some("candidates"));
}

/// A stream answers each request by its id; one that is refused is answered with its error, and the stream goes on.
#[tokio::test]
async fn a_stream_survives_a_refused_request() {
    let house = House::open().await;
    let asked = (0..100).map(|number| {
        let candidates = if number == 50 { None } else { Some(only(&[1])) };
        v1::MatchRequest { id: u64::from(number), candidates, ..about(number, ALL) }
    });
    let asked: Vec<_> = asked.collect();
    let mut answers = house.targeting().match_stream(tokio_stream::iter(asked)).await.unwrap().into_inner();
    let mut seen = 0;
    while let Some(answer) = answers.message().await.unwrap() {
        match answer.error {
            Some(error) => {
                assert_eq!((answer.id, error.code), (50, Code::InvalidArgument as i32));
                assert!(error.message.contains("hint"), "{}", error.message);
            }
            None => assert_eq!(answer.adgroups.len(), usize::from(answer.id < 50), "u{}", answer.id),
        }
        seen += 1;
    }
    assert_eq!(seen, 100);
}

/// The explanation says what Match answers, with the value at each node; without a target it is refused.
#[tokio::test]
async fn an_explanation_agrees_with_match() {
    let house = House::open().await;
    let mut client = house.targeting();
    let target = Some(v1::explain_request::Target::Adgroup("acme/spring/conquest".to_owned()));
    let asked = v1::ExplainRequest { identifiers: vec![person(60)], target, ..Default::default() };
    let answer = client.explain(asked.clone()).await.unwrap().into_inner();
    assert!(!answer.matches && answer.reasons[0].contains("EXCLUDE Abonnés"), "{:?}", answer.reasons);
    assert_eq!((answer.adgroup_id, answer.target.as_str()), (1, "advertisers/acme/campaigns/spring/adgroups/conquest"));
    let tree = answer.tree.unwrap();
    assert_eq!((tree.operator(), tree.truth()), (v1::explain_node::Operator::And, v1::explain_node::Truth::False));
    let by_id = v1::ExplainRequest { target: Some(v1::explain_request::Target::AdgroupId(1)), ..asked.clone() };
    assert!(!client.explain(by_id).await.unwrap().into_inner().matches);
    let unknown = v1::explain_request::Target::Segment("acme/spring/nobody".to_owned());
    let (refused, code) = failure(client.explain(v1::ExplainRequest { target: Some(unknown), ..asked.clone() }).await);
    assert_eq!((refused.kind, code), (ErrorKind::NotFound, Code::NotFound));
    let (refused, _) = failure(client.explain(v1::ExplainRequest { target: None, ..asked }).await);
    assert_eq!(refused.field.as_deref(), Some("target"));
}

/// Counts of the four ways to name a set; a name that is none is `NOT_FOUND`.
#[tokio::test]
async fn counts_are_exact() {
    let house = House::open().await;
    let mut client = house.targeting();
    let groups = v1::TargetingGroups {
        include: vec![v1::SegmentGroup { segments: vec!["actifs".to_owned()] }],
        exclude: vec!["Abonnés".to_owned()],
    };
    let targeting = v1::UserTargeting { form: Some(v1::user_targeting::Form::Groups(groups)) };
    let sets = [
        (expression("actifs & !abonnes"), 50),
        (set(set_query::Set::Targeting(targeting)), 50),
        (set(set_query::Set::Adgroup("acme/spring/conquest".to_owned())), 50),
        (set(set_query::Set::Segment("acme/spring/actifs".to_owned())), 100),
        (expression("!actifs"), 50),
    ];
    for (query, expected) in sets {
        let asked = v1::CountProfilesRequest { query: Some(query.clone()), min_revision: 1 };
        let answer = client.count_profiles(asked).await.unwrap().into_inner();
        assert_eq!((answer.profile_count, answer.reachable_count), (expected, expected), "{query:?}");
        assert_eq!((answer.reach, answer.below_minimum), (Some(1.0), false));
        assert_eq!(answer.as_of.unwrap().engine_id, house.engine.engine_id().to_string());
    }
    let asked = v1::CountProfilesRequest { query: Some(expression("nobody")), min_revision: 0 };
    let (refused, code) = failure(client.count_profiles(asked).await);
    assert_eq!((refused.kind, code), (ErrorKind::NotFound, Code::NotFound));
    let asked = v1::CountProfilesRequest::default();
    assert_eq!(failure(client.count_profiles(asked).await).0.field.as_deref(), Some("query"));
}

/// A million parentheses are refused at once and the server answers on.
#[tokio::test]
async fn a_deep_expression_is_refused() {
    let house = House::open().await;
    let mut client = house.targeting();
    for text in ["(".repeat(1_000_000), "!".repeat(1_000_000), format!("{}actifs", "(".repeat(1_000))] {
        let asked = v1::CountProfilesRequest { query: Some(expression(&text)), min_revision: 0 };
        let began = std::time::Instant::now();
        let (refused, _) = failure(client.count_profiles(asked).await);
        assert!(matches!(refused.kind, ErrorKind::LimitExceeded | ErrorKind::InvalidInput), "{refused:?}");
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    }
    assert_eq!(client.r#match(about(0, only(&[2]))).await.unwrap().into_inner().adgroups, [2]);
}

/// The overlap of each set with each; more than eight sets and none are refused.
#[tokio::test]
async fn overlap_is_pair_by_pair() {
    let house = House::open().await;
    let mut client = house.targeting();
    let asked = v1::OverlapRequest { sets: vec![expression("actifs"), expression("abonnes")], min_revision: 0 };
    let answer = client.overlap(asked).await.unwrap().into_inner();
    assert_eq!((answer.size, answer.matrix), (2, vec![100, 50, 50, 100]));
    let nine = v1::OverlapRequest { sets: vec![expression("actifs"); 9], min_revision: 0 };
    let (refused, code) = failure(client.overlap(nine).await);
    assert_eq!((refused.kind, code), (ErrorKind::LimitExceeded, Code::ResourceExhausted));
    assert_eq!(failure(client.overlap(v1::OverlapRequest::default()).await).0.field.as_deref(), Some("sets"));
}

/// A set comes as a header and the bytes that it announces; a name that is none ends the stream with its reason.
#[tokio::test]
async fn a_set_comes_in_chunks() {
    let house = House::open().await;
    let mut client = house.targeting();
    let asked = v1::EvaluateRequest { query: Some(expression("actifs | abonnes")), min_revision: 0 };
    let mut parts = client.evaluate(asked).await.unwrap().into_inner();
    let Some(Part::Header(header)) = parts.message().await.unwrap().unwrap().part else { panic!("no header") };
    assert_eq!(header.profile_count, 150);
    let mut bytes = Vec::new();
    while let Some(part) = parts.message().await.unwrap() {
        let Some(Part::Chunk(chunk)) = part.part else { panic!("no chunk") };
        bytes.extend_from_slice(&chunk);
    }
    assert_eq!(bytes.len() as u64, header.total_bytes);
    assert_eq!(segengine::engine::formats::check_portable("set", &bytes).unwrap(), 150);
    let asked = v1::EvaluateRequest { query: Some(expression("nobody")), min_revision: 0 };
    let mut parts = client.evaluate(asked).await.unwrap().into_inner();
    assert_eq!(failure(parts.message().await).0.kind, ErrorKind::NotFound);
}
