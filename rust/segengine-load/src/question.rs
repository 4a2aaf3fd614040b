//! What is asked: gRPC frames made before the clock starts.
//!
//! Candidates are drawn afresh for each frame, uniformly from the adgroups given, by a seeded generator (`SplitMix64`),
//! so two runs with one seed ask the same. The `id` of a request is written as a fixed field at the front of its message
//! so that a stream can number a frame without encoding it again.

use bytes::{BufMut as _, Bytes, BytesMut};
use segengine::engine::formats::IdentifierRef;
use segengine::{Error, Result, limits};
use segengine_server::v1;

/// How users are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One user a call.
    Unary,
    /// So many users a call, with one list of candidates for all.
    Batch(usize),
    /// One user a message, over one stream for each connection.
    Stream,
}

/// Whom to ask about, and which adgroups.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// For each user the identifiers in text form, separated by spaces or tabs.
    pub users: &'a [String],
    /// The adgroups of which candidates are drawn.
    pub adgroups: &'a [u32],
    /// Candidates of each request; nothing asks for all adgroups.
    pub candidates: Option<usize>,
    /// Draws candidates.
    pub seed: u64,
}

/// Encoded requests, asked one after the other and then from the beginning again.
#[derive(Debug, Clone)]
pub struct Questions {
    pub(crate) shape: Shape,
    pub(crate) frames: Vec<Bytes>,
}

/// Where the number of a request stands in its frame: after the frame's own five bytes and the field's tag.
const NUMBER_AT: usize = 6;
/// Bytes before the message of a frame: whether it is compressed, and its length.
pub(crate) const FRAME_HEAD: usize = 5;

impl Questions {
    /// Encodes `count` requests; users are taken in order, again from the beginning when there are fewer.
    ///
    /// # Errors
    /// `InvalidInput` without users, without adgroups to draw from, or for a batch of no or too many users. A malformed
    /// identifier is refused with its line, its value masked.
    pub fn encode(shape: Shape, asked: &Asked<'_>, count: usize) -> Result<Self> {
        check(shape, asked)?;
        let users = asked.users.iter().enumerate().map(|(number, text)| user(number, text));
        let users = users.collect::<Result<Vec<Vec<v1::Identifier>>>>()?;
        let mut draw = Draw(asked.seed);
        let mut next = users.iter().cycle();
        let frames = (0..count.max(1)).map(|_| {
            let only = asked.candidates.map(|wanted| draw.some_of(asked.adgroups, wanted));
            match shape {
                Shape::Unary | Shape::Stream => frame(&single(next.next().cloned().unwrap_or_default(), only)),
                Shape::Batch(users) => frame(&batch(next.by_ref().take(users).cloned().collect(), only)),
            }
        });
        Ok(Self { shape, frames: frames.collect() })
    }

    /// Frames that were encoded by somebody else, one after the other.
    ///
    /// # Errors
    /// `InvalidInput` for bytes that are no frames, and for none.
    pub fn from_frames(shape: Shape, frames: impl Into<Bytes>) -> Result<Self> {
        let wrong = |what: &str| Error::invalid(format!("frames: {what}")).field("frames");
        let (mut rest, mut split) = (frames.into(), Vec::new());
        while let Some(head) = rest.first_chunk::<FRAME_HEAD>() {
            let [_, length @ ..] = *head;
            let length = u32::from_be_bytes(length) as usize + FRAME_HEAD;
            if rest.len() < length {
                return Err(wrong("the last one is cut"));
            }
            split.push(rest.split_to(length));
        }
        if split.is_empty() || !rest.is_empty() {
            return Err(wrong("these bytes are no gRPC frames"));
        }
        Ok(Self { shape, frames: split })
    }

    /// Users that one request asks about.
    #[must_use]
    pub fn users_each(&self) -> usize {
        if let Shape::Batch(users) = self.shape { users } else { 1 }
    }

    /// The frame of request number `number`.
    pub(crate) fn frame(&self, number: u64) -> Bytes {
        let place = number % self.frames.len().max(1) as u64;
        self.frames.get(usize::try_from(place).unwrap_or_default()).cloned().unwrap_or_default()
    }

    /// The same with the number in it.
    pub(crate) fn numbered(&self, number: u64) -> Bytes {
        let frame = self.frame(number);
        let mut own = BytesMut::from(&*frame);
        if let Some(field) = own.get_mut(NUMBER_AT..NUMBER_AT + 8) {
            field.copy_from_slice(&(number + 1).to_le_bytes());
        }
        own.freeze()
    }

    pub(crate) fn path(&self) -> &'static str {
        match self.shape {
            Shape::Unary => "/segengine.v1.Targeting/Match",
            Shape::Batch(_) => "/segengine.v1.Targeting/MatchBatch",
            Shape::Stream => "/segengine.v1.Targeting/MatchStream",
        }
    }
}

fn check(shape: Shape, asked: &Asked<'_>) -> Result<()> {
    if asked.users.is_empty() {
        return Err(Error::invalid("there is no user to ask about").field("users").hint("give at least one"));
    }
    if asked.candidates.is_some_and(|wanted| wanted > 0) && asked.adgroups.is_empty() {
        return Err(Error::invalid("there is no adgroup to draw candidates from").field("candidates"));
    }
    if asked.candidates.is_some_and(|wanted| wanted > limits::CANDIDATES_PER_REQUEST) {
        let limit = limits::CANDIDATES_PER_REQUEST as u64;
        let given = asked.candidates.unwrap_or_default() as u64;
        return Err(Error::limit("candidates", given, limit, "adgroups").hint("ask about fewer, or for all"));
    }
    match shape {
        Shape::Batch(0) => Err(Error::invalid("a batch has at least one user").field("batch")),
        Shape::Batch(users) if users > limits::USERS_PER_BATCH => {
            Err(Error::limit("batch", users as u64, limits::USERS_PER_BATCH as u64, "users").hint("send more batches"))
        }
        _ => Ok(()),
    }
}

/// The identifiers of one user.
fn user(number: usize, text: &str) -> Result<Vec<v1::Identifier>> {
    let identifiers = text.split([' ', '\t']).filter(|part| !part.is_empty()).map(|part| {
        let found = IdentifierRef::parse(part).map_err(|error| error.at(format_args!("user {}", number + 1)))?;
        Ok(v1::Identifier {
            kind: i32::from(found.kind().number()),
            // A hash travels as its bytes: half of its hex, and what an ad server would send.
            value: found.with_canonical(Bytes::copy_from_slice),
            scope: found.scope().to_owned(),
        })
    });
    identifiers.collect()
}

fn single(identifiers: Vec<v1::Identifier>, only: Option<Vec<u32>>) -> v1::MatchRequest {
    use v1::match_request::Candidates;
    let candidates = only.map_or(Candidates::All(true), |ids| Candidates::Only(v1::AdgroupIds { ids }));
    v1::MatchRequest { id: 1, identifiers, candidates: Some(candidates), ..Default::default() }
}

fn batch(users: Vec<Vec<v1::Identifier>>, only: Option<Vec<u32>>) -> v1::MatchBatchRequest {
    use v1::match_batch_request::Candidates;
    let candidates = only.map_or(Candidates::All(true), |ids| Candidates::Only(v1::AdgroupIds { ids }));
    let column = column(&users);
    let users = if column.is_some() { Vec::new() } else { users };
    let users = users.into_iter().map(|identifiers| v1::UserIdentifiers { identifiers }).collect();
    v1::MatchBatchRequest { id: 1, users, column, candidates: Some(candidates), ..Default::default() }
}

/// One column for users with one identifier each, all of one kind, scope and width: the form for many.
fn column(users: &[Vec<v1::Identifier>]) -> Option<v1::IdentifierColumn> {
    let first = users.first()?.first()?;
    let alike =
        |one: &v1::Identifier| (one.kind, &one.scope, one.value.len()) == (first.kind, &first.scope, first.value.len());
    if !users.iter().all(|user| matches!(&user[..], [one] if alike(one))) {
        return None;
    }
    let mut packed = BytesMut::new();
    users.iter().flatten().for_each(|one| packed.put_slice(&one.value));
    let width = u32::try_from(first.value.len()).ok()?;
    let (kind, scope) = (first.kind, first.scope.clone());
    Some(v1::IdentifierColumn { kind, scope, width, packed: packed.freeze(), ..Default::default() })
}

/// A message in its frame.
pub(crate) fn frame(message: &impl prost::Message) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(FRAME_HEAD + length);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    frame.put_slice(&message.encode_to_vec());
    frame.freeze()
}

/// `SplitMix64` (Steele, Lea, Flood 2014).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Distinct adgroups; all of them in an order of chance where fewer exist than are wanted.
    fn some_of(&mut self, adgroups: &[u32], wanted: usize) -> Vec<u32> {
        let mut chosen: Vec<u32> = Vec::with_capacity(wanted);
        let mut seen = std::collections::HashSet::with_capacity(wanted);
        let count = adgroups.len() as u64;
        while chosen.len() < wanted.min(adgroups.len()) {
            let place = (u128::from(self.next()) * u128::from(count)) >> 64;
            if let Some(&adgroup) = adgroups.get(usize::try_from(place).unwrap_or_default())
                && seen.insert(adgroup)
            {
                chosen.push(adgroup);
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    fn asked<'a>(users: &'a [String], adgroups: &'a [u32]) -> Asked<'a> {
        Asked { users, adgroups, candidates: Some(2), seed: 7 }
    }

    #[test]
    fn a_frame_is_the_request_and_can_be_numbered() {
        let users = texts(&["network:u1 email_md5:ac862c981fee6b90654257051c4e197a"]);
        let questions = Questions::encode(Shape::Stream, &asked(&users, &[4, 9]), 3).unwrap();
        let numbered = questions.numbered(41);
        let request = v1::MatchRequest::decode(&numbered[FRAME_HEAD..]).unwrap();
        assert_eq!(request.id, 42);
        assert_eq!(request.identifiers.len(), 2);
        assert_eq!(request.identifiers[1].value.len(), 16, "a hash travels as its bytes");
        let Some(v1::match_request::Candidates::Only(only)) = request.candidates else { panic!("candidates") };
        let mut ids = only.ids;
        ids.sort_unstable();
        assert_eq!(ids, [4, 9]);
    }

    #[test]
    fn a_batch_of_like_users_is_a_column_and_another_is_not() {
        let read = |users: &[String]| {
            let questions = Questions::encode(Shape::Batch(2), &asked(users, &[1, 2, 3]), 1).unwrap();
            v1::MatchBatchRequest::decode(&questions.frames[0][FRAME_HEAD..]).unwrap()
        };
        let hash = "email_md5:ac862c981fee6b90654257051c4e197a";
        let alike = read(&texts(&[hash, hash]));
        let column = alike.column.unwrap();
        assert_eq!((column.width, column.packed.len(), alike.users.len()), (16, 32, 0));
        let mixed = read(&texts(&[hash, "network:u1"]));
        assert_eq!((mixed.column, mixed.users.len()), (None, 2));
    }

    #[test]
    fn candidates_are_distinct_and_drawn_by_the_seed() {
        let adgroups: Vec<u32> = (1..=60).collect();
        let mut chosen = Draw(1).some_of(&adgroups, 50);
        assert_eq!(chosen, Draw(1).some_of(&adgroups, 50));
        assert_ne!(chosen, Draw(2).some_of(&adgroups, 50));
        chosen.sort_unstable();
        chosen.dedup();
        assert_eq!(chosen.len(), 50);
        assert_eq!(Draw(1).some_of(&adgroups, 500).len(), 60);
    }

    #[test]
    fn frames_of_others_are_split_and_garbage_is_refused() {
        let users = texts(&["network:u1"]);
        let made = Questions::encode(Shape::Unary, &asked(&users, &[1]), 5).unwrap();
        let together: Vec<u8> = made.frames.iter().flatten().copied().collect();
        assert_eq!(Questions::from_frames(Shape::Unary, together.clone()).unwrap().frames, made.frames);
        for wrong in [&together[..together.len() - 1], &together[..together.len() - 8], &[]] {
            assert!(Questions::from_frames(Shape::Unary, wrong.to_vec()).is_err());
        }
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        let users = texts(&["network:u1"]);
        assert!(Questions::encode(Shape::Unary, &asked(&[], &[1]), 1).is_err());
        assert!(Questions::encode(Shape::Unary, &asked(&users, &[]), 1).is_err());
        assert!(Questions::encode(Shape::Batch(0), &asked(&users, &[1]), 1).is_err());
        let refused = Questions::encode(Shape::Unary, &asked(&texts(&["network:a", "email_md5:zz"]), &[1]), 1);
        assert!(refused.unwrap_err().to_string().contains("user 2"));
        let all = Asked { candidates: None, ..asked(&users, &[]) };
        assert!(Questions::encode(Shape::Unary, &all, 1).is_ok());
    }
}
