//! Who is who: profiles of identifiers, links between them, and memberships that jobs load.
//!
//! Links are all or nothing, so one pair that is malformed refuses the call and names its place. A load counts what it
//! leaves out instead, because a job wants the rest.

use segengine::engine::caller::Caller;
use segengine::engine::formats::IdentifierRef;
use segengine::engine::{Engine, Linked, Linking, RequestId};
use segengine::ids::Revision;
use segengine::{Error, Result, limits};
use tonic::{Request, Response, Status, Streaming};

use super::streams::Incoming;
use super::{Services, loads};
use crate::convert::{self, Fingerprint, Many};
use crate::v1;
use crate::v1::identity_server::Identity;

/// What stands for an unknown identifier in a column of profiles.
const NOBODY: u32 = u32::MAX;

/// The service.
pub(crate) struct IdentityService(pub(crate) Services);

#[tonic::async_trait]
impl Identity for IdentityService {
    async fn resolve(&self, request: Request<v1::ResolveRequest>) -> Result<Response<v1::ResolveResponse>, Status> {
        self.0.answer(request, |engine, caller, request| resolve(engine, caller, &request)).await
    }

    async fn link_identifiers(
        &self,
        request: Request<v1::LinkIdentifiersRequest>,
    ) -> Result<Response<v1::LinkIdentifiersResponse>, Status> {
        self.0.answer(request, |engine, caller, request| link(engine, caller, [Ok(request)].into_iter())).await
    }

    async fn bulk_link_identifiers(
        &self,
        request: Request<Streaming<v1::LinkIdentifiersRequest>>,
    ) -> Result<Response<v1::LinkIdentifiersResponse>, Status> {
        self.0.take_in(request, link).await
    }

    async fn unlink_identifiers(
        &self,
        request: Request<v1::UnlinkIdentifiersRequest>,
    ) -> Result<Response<v1::LinkIdentifiersResponse>, Status> {
        self.0.answer(request, |engine, caller, request| unlink(engine, caller, [Ok(request)].into_iter())).await
    }

    async fn bulk_unlink_identifiers(
        &self,
        request: Request<Streaming<v1::UnlinkIdentifiersRequest>>,
    ) -> Result<Response<v1::LinkIdentifiersResponse>, Status> {
        self.0.take_in(request, unlink).await
    }

    async fn load_memberships(
        &self,
        request: Request<Streaming<v1::LoadMembershipsRequest>>,
    ) -> Result<Response<v1::LoadMembershipsResponse>, Status> {
        self.0.take_in(request, |engine, caller, parts: Incoming<_>| loads::load(engine, caller, parts)).await
    }
}

fn resolve(engine: &Engine, caller: &Caller, request: &v1::ResolveRequest) -> Result<v1::ResolveResponse> {
    engine.check_revision(Revision(request.min_revision))?;
    let given = Many::read(&request.identifiers, request.column.as_ref())?;
    let revision = engine.revision();
    let (profiles, epoch) = engine.resolve(caller, given.iter().map(Result::ok))?;
    Ok(v1::ResolveResponse {
        profiles: profiles.into_iter().map(|profile| profile.unwrap_or(NOBODY)).collect(),
        link_epoch: epoch.0,
        engine_id: engine.engine_id().to_string(),
        revision: revision.0,
    })
}

fn link(
    engine: &Engine,
    caller: &Caller,
    messages: impl Iterator<Item = Result<v1::LinkIdentifiersRequest>>,
) -> Result<v1::LinkIdentifiersResponse> {
    let mut linking = engine.begin_linking(caller, true)?;
    let (mut request_id, mut seen) = (Fingerprint::default(), None);
    for (number, message) in messages.enumerate() {
        let message = message?;
        request_id.take(&message.request_id, &message);
        if let Some(given) = &message.seen_time {
            let given = convert::instant(given, "seen_time")?;
            if number > 0 && seen != Some(given) {
                return Err(Error::invalid("the messages of one stream were seen at different times")
                    .field("seen_time")
                    .hint("link what was seen on another day by a call of its own"));
            }
            seen = Some(given);
        }
        let sides = (message.left.as_ref(), message.right.as_ref());
        each_pair(&message.pairs, sides, |left, right| linking.push(left, right))?;
        check_length(&linking)?;
    }
    linking.finish(seen, request_id.finish().as_ref()).map(linked)
}

fn unlink(
    engine: &Engine,
    caller: &Caller,
    messages: impl Iterator<Item = Result<v1::UnlinkIdentifiersRequest>>,
) -> Result<v1::LinkIdentifiersResponse> {
    let mut linking = engine.begin_linking(caller, false)?;
    let mut request_id = Fingerprint::default();
    for message in messages {
        let message = message?;
        request_id.take(&message.request_id, &message);
        let sides = (message.left.as_ref(), message.right.as_ref());
        each_pair(&message.pairs, sides, |left, right| linking.push(left, right))?;
        check_length(&linking)?;
    }
    let request_id: Option<RequestId> = request_id.finish();
    linking.finish(None, request_id.as_ref()).map(linked)
}

/// Pairs wait in memory for the end of the stream: there is a bound to that.
fn check_length(linking: &Linking) -> Result<()> {
    if linking.len() <= limits::LINK_PAIRS {
        return Ok(());
    }
    Err(Error::limit("pairs", linking.len() as u64, limits::LINK_PAIRS as u64, "pairs").hint("link in several calls"))
}

/// Hands over the pairs of a message, given singly or as two columns.
fn each_pair(
    pairs: &[v1::IdentifierPair],
    (left, right): (Option<&v1::IdentifierColumn>, Option<&v1::IdentifierColumn>),
    mut take: impl FnMut(IdentifierRef<'_>, IdentifierRef<'_>),
) -> Result<()> {
    if left.is_none() && right.is_none() {
        for (place, pair) in pairs.iter().enumerate() {
            let side = |identifier: &Option<v1::Identifier>, name: &str| {
                let at = || format!("pairs[{place}].{name}");
                let identifier = identifier.as_ref().ok_or_else(|| Error::invalid("is absent").at(at()).field(at()))?;
                convert::strict(identifier)
                    .map_err(|error| error.at(at()).field(at()))
                    .map(|found| found.to_identifier())
            };
            take(side(&pair.left, "left")?.as_ref(), side(&pair.right, "right")?.as_ref());
        }
        return Ok(());
    }
    let (Some(left), Some(right), true) = (left, right, pairs.is_empty()) else {
        let error = Error::invalid("pairs are given singly or as both columns, and here they are neither");
        return Err(error.field("pairs").hint("give `pairs`, or `left` and `right`"));
    };
    let (left, right) = (Many::column(left, "left")?, Many::column(right, "right")?);
    if left.len() != right.len() {
        let message = format!("left has {} identifiers and right has {}", left.len(), right.len());
        return Err(Error::invalid(message).field("right"));
    }
    for place in 0..left.len() {
        take(left.strict(place, "left")?, right.strict(place, "right")?);
    }
    Ok(())
}

fn linked(done: Linked) -> v1::LinkIdentifiersResponse {
    v1::LinkIdentifiersResponse {
        pairs: done.pairs,
        changed: done.changed,
        unchanged: done.unchanged,
        dissolved: done.dissolved,
        new_identifiers: done.new_identifiers,
        revision: done.written.revision.0,
        link_epoch: done.link_epoch.0,
        generation: done.written.generation.0,
    }
}
