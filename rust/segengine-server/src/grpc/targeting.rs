//! Impressions and what explains them.
//!
//! An impression is answered on the thread that read it, with that thread's scratch: what it allocates is the answer's
//! own list. A batch of many users would hold others up there, so from [`BATCH_HERE`] users on it goes to a thread for
//! work, as counts and explanations do.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};

use segengine::engine::caller::Caller;
use segengine::engine::formats::Operator;
use segengine::engine::names::{AdgroupName, SegmentName};
use segengine::engine::{
    BatchCandidates, Candidates, Engine, Explanation, MatchQuestion, MatchScratch, NamedNode, Subject,
};
use segengine::ids::{AdgroupId, Revision};
use segengine::{Error, ErrorKind, Result, limits};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::streams::Outgoing;
use super::{Services, caller_of};
use crate::convert::{self, Many};
use crate::status;
use crate::v1::targeting_server::Targeting;
use crate::v1::{self, evaluate_response, explain_node, explain_request, match_batch_request, match_request};

/// Users of a batch that are answered on the thread that read it: less than a millisecond of its time.
const BATCH_HERE: usize = 64;
/// Bytes of one chunk of a set: below what clients take by default.
const CHUNK_BYTES: usize = 1 << 20;

thread_local! {
    static SCRATCH: RefCell<MatchScratch> = RefCell::default();
}

/// The service.
pub(crate) struct TargetingService(pub(crate) Services);

#[tonic::async_trait]
impl Targeting for TargetingService {
    type MatchStreamStream = Impressions;
    type EvaluateStream = ReceiverStream<Result<v1::EvaluateResponse, Status>>;

    async fn r#match(&self, request: Request<v1::MatchRequest>) -> Result<Response<v1::MatchResponse>, Status> {
        let caller = caller_of(&request)?;
        impression(&self.0.engine, &caller, request.get_ref()).map(Response::new).map_err(status::from)
    }

    async fn match_batch(
        &self,
        request: Request<v1::MatchBatchRequest>,
    ) -> Result<Response<v1::MatchBatchResponse>, Status> {
        let message = request.get_ref();
        let users = match &message.column {
            Some(column) => Many::column(column, "column").map_err(status::from)?.len(),
            None => message.users.len(),
        };
        if users > BATCH_HERE {
            return self.0.answer(request, |engine, caller, message| batch(engine, caller, &message)).await;
        }
        let caller = caller_of(&request)?;
        batch(&self.0.engine, &caller, message).map(Response::new).map_err(status::from)
    }

    async fn match_stream(
        &self,
        request: Request<Streaming<v1::MatchRequest>>,
    ) -> Result<Response<Impressions>, Status> {
        let (caller, engine, stopping) = (caller_of(&request)?, self.0.engine.clone(), self.0.stopping.clone());
        let stopped = Box::pin(async move { stopping.begun().await });
        Ok(Response::new(Impressions { requests: Some(request.into_inner()), engine, caller, stopped }))
    }

    async fn explain(&self, request: Request<v1::ExplainRequest>) -> Result<Response<v1::ExplainResponse>, Status> {
        self.0.answer(request, explain).await
    }

    async fn count_profiles(
        &self,
        request: Request<v1::CountProfilesRequest>,
    ) -> Result<Response<v1::CountProfilesResponse>, Status> {
        self.0.answer(request, count).await
    }

    async fn overlap(&self, request: Request<v1::OverlapRequest>) -> Result<Response<v1::OverlapResponse>, Status> {
        self.0.answer(request, overlap).await
    }

    async fn evaluate(&self, request: Request<v1::EvaluateRequest>) -> Result<Response<Self::EvaluateStream>, Status> {
        self.0.give_out(request, evaluate)
    }
}

/// Answers one impression with this thread's scratch.
fn impression(engine: &Engine, caller: &Caller, request: &v1::MatchRequest) -> Result<v1::MatchResponse> {
    let candidates = match &request.candidates {
        Some(match_request::Candidates::Only(only)) => Candidates::Only(&only.ids),
        Some(match_request::Candidates::All(true)) => Candidates::All,
        Some(match_request::Candidates::All(false)) => return Err(all_is_false()),
        None => return Err(no_candidates("give `only` with the adgroups in question, or `all: true`")),
    };
    let question = MatchQuestion {
        candidates,
        context_segments: &request.context_segments,
        min_revision: Revision(request.min_revision),
    };
    SCRATCH.with_borrow_mut(|scratch| {
        let identifiers = request.identifiers.iter().map(convert::lenient);
        let matched = engine.match_one(caller, identifiers, &question, scratch)?;
        Ok(v1::MatchResponse {
            id: request.id,
            adgroups: scratch.adgroups().to_vec(),
            generation: matched.generation.0,
            identified: matched.identified,
            skipped: matched.skipped,
            error: None,
        })
    })
}

fn all_is_false() -> Error {
    Error::invalid("`all` is false").field("all").hint("leave it away and give `only`, or set it to true")
}

fn no_candidates(hint: &str) -> Error {
    Error::invalid("the request does not say which adgroups are in question").field("candidates").hint(hint)
}

/// Answers many users with this thread's scratch.
fn batch(engine: &Engine, caller: &Caller, request: &v1::MatchBatchRequest) -> Result<v1::MatchBatchResponse> {
    use match_batch_request::Candidates as Given;
    let candidates = match &request.candidates {
        Some(Given::Only(only)) => BatchCandidates::Only(&only.ids),
        Some(Given::All(true)) => BatchCandidates::All,
        Some(Given::All(false)) => return Err(all_is_false()),
        Some(Given::Each(each)) => BatchCandidates::Each { offsets: &each.offsets, ids: &each.ids },
        None => return Err(no_candidates("give `only`, `each`, or `all: true`")),
    };
    let question = MatchQuestion {
        candidates: Candidates::All,
        context_segments: &request.context_segments,
        min_revision: Revision(request.min_revision),
    };
    let matched = SCRATCH.with_borrow_mut(|scratch| match &request.column {
        None => {
            let users = request.users.iter().map(|user| user.identifiers.iter().map(convert::lenient));
            engine.match_batch(caller, users, candidates, &question, scratch)
        }
        Some(_) if !request.users.is_empty() => {
            Err(Error::invalid("users are given singly and as a column").field("column"))
        }
        Some(column) => {
            let column = Many::column(column, "column")?;
            let users = column.iter().map(|identifier| std::iter::once(identifier.ok()));
            engine.match_batch(caller, users, candidates, &question, scratch)
        }
    })?;
    Ok(v1::MatchBatchResponse {
        id: request.id,
        offsets: matched.offsets,
        adgroups: matched.adgroups,
        status: matched.status.into(),
        generation: matched.generation.0,
        skipped: matched.skipped,
    })
}

/// The answers of a stream of impressions, in the order in which they were asked. Each is made when the connection has
/// room for it, so a caller that does not read is not answered ahead.
pub(crate) struct Impressions {
    /// Nothing once the stream has ended.
    requests: Option<Streaming<v1::MatchRequest>>,
    engine: Engine,
    caller: Caller,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Stream for Impressions {
    type Item = Result<v1::MatchResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(requests) = &mut this.requests else { return Poll::Ready(None) };
        match Pin::new(requests).poll_next(context) {
            Poll::Ready(Some(Ok(request))) => {
                let answered = impression(&this.engine, &this.caller, &request);
                Poll::Ready(Some(Ok(answered.unwrap_or_else(|error| refused(request.id, &error)))))
            }
            Poll::Ready(Some(Err(status))) => {
                this.requests = None;
                Poll::Ready(Some(Err(status::refine(status))))
            }
            Poll::Ready(None) => {
                this.requests = None;
                Poll::Ready(None)
            }
            Poll::Pending => this.stopped.as_mut().poll(context).map(|()| {
                this.requests = None;
                let error = Error::new(ErrorKind::Unavailable, "the server is stopping");
                Some(Err(status::of(
                    &error.hint("open the stream again: another server, or this one after its restart"),
                )))
            }),
        }
    }
}

fn refused(id: u64, error: &Error) -> v1::MatchResponse {
    let message = match error.hint_text() {
        Some(hint) => format!("{error} (hint: {hint})"),
        None => error.to_string(),
    };
    let error = v1::MatchError { code: status::number_of(error.kind()), message };
    v1::MatchResponse { id, error: Some(error), ..Default::default() }
}

fn explain(engine: &Engine, caller: &Caller, request: v1::ExplainRequest) -> Result<v1::ExplainResponse> {
    use explain_request::Target;
    let subject = match request.target {
        Some(Target::Adgroup(name)) => Subject::Adgroup(AdgroupName::parse(&name)?),
        Some(Target::AdgroupId(id)) => Subject::AdgroupId(AdgroupId(id)),
        Some(Target::Segment(name)) => Subject::Segment(SegmentName::parse(&name)?),
        None => {
            let error = Error::invalid("the request does not say what is to be explained");
            return Err(error.field("target").hint("give `adgroup`, `adgroup_id` or `segment`"));
        }
    };
    let question = MatchQuestion {
        candidates: Candidates::All,
        context_segments: &request.context_segments,
        min_revision: Revision(request.min_revision),
    };
    let identifiers = request.identifiers.iter().map(convert::lenient);
    engine.explain(caller, identifiers, &subject, &question).map(explanation)
}

fn explanation(found: Explanation) -> v1::ExplainResponse {
    v1::ExplainResponse {
        matches: found.matches,
        reasons: found.reasons,
        tree: found.tree.map(node),
        identified: found.identified,
        generation: found.generation.0,
        target: found.target,
        skipped: found.skipped,
        adgroup_id: found.adgroup_id.map_or(0, |id| id.0),
    }
}

/// A node with what stands below it: at most 64 levels, which the engine holds.
fn node(found: NamedNode) -> v1::ExplainNode {
    use explain_node::{Operator as Wire, Truth};
    let (operator, segment_number) = match found.operator {
        Operator::Segment(number) => (Wire::Segment, number.0),
        Operator::Not => (Wire::Not, 0),
        Operator::And => (Wire::And, 0),
        Operator::Or => (Wire::Or, 0),
    };
    v1::ExplainNode {
        operator: operator.into(),
        truth: if found.holds { Truth::True } else { Truth::False }.into(),
        children: found.children.into_iter().map(node).collect(),
        segment: found.segment,
        display_name: found.display_name,
        segment_number,
        note: found.note.to_owned(),
    }
}

fn count(engine: &Engine, caller: &Caller, request: v1::CountProfilesRequest) -> Result<v1::CountProfilesResponse> {
    engine.check_revision(Revision(request.min_revision))?;
    let (count, state) = engine.count(caller, &convert::set_query(request.query)?)?;
    Ok(v1::CountProfilesResponse {
        profile_count: count.profiles,
        reachable_count: count.reachable,
        reach: count.reach(),
        below_minimum: count.hidden,
        minimum: limits::MINIMUM_SHOWN_PROFILES,
        as_of: Some(convert::as_of(&state)),
    })
}

fn overlap(engine: &Engine, caller: &Caller, request: v1::OverlapRequest) -> Result<v1::OverlapResponse> {
    engine.check_revision(Revision(request.min_revision))?;
    let sets = request.sets.into_iter().map(|set| convert::set_query(Some(set))).collect::<Result<Vec<_>>>()?;
    let (overlap, state) = engine.overlap(caller, &sets)?;
    Ok(v1::OverlapResponse {
        size: u32::try_from(overlap.size).unwrap_or(u32::MAX),
        matrix: overlap.counts,
        below_minimum: overlap.hidden,
        minimum: limits::MINIMUM_SHOWN_PROFILES,
        as_of: Some(convert::as_of(&state)),
    })
}

fn evaluate(
    engine: &Engine,
    caller: &Caller,
    request: v1::EvaluateRequest,
    parts: &mut Outgoing<v1::EvaluateResponse>,
) -> Result<()> {
    use evaluate_response::Part;
    engine.check_revision(Revision(request.min_revision))?;
    let (set, state) = engine.evaluate(caller, &convert::set_query(request.query)?)?;
    let bytes = bytes::Bytes::from(set.to_portable());
    let as_of = Some(convert::as_of(&state));
    let header = v1::EvaluateHeader { as_of, profile_count: set.len(), total_bytes: bytes.len() as u64 };
    let mut listening = parts.send(v1::EvaluateResponse { part: Some(Part::Header(header)) });
    let mut rest = bytes;
    while listening && !rest.is_empty() {
        let chunk = rest.split_to(CHUNK_BYTES.min(rest.len()));
        listening = parts.send(v1::EvaluateResponse { part: Some(Part::Chunk(chunk)) });
    }
    Ok(())
}
