//! The services: each reads a message, asks the engine as the caller, and writes the answer.
//!
//! `Match`, `MatchBatch` and `MatchStream` run on the thread that read the request. Everything else may touch the disk,
//! wait for a write or walk a big set, so it runs on threads for work ([`Services::answer`], [`streams`]) and holds no
//! impression up.

mod adgroups;
mod admin;
mod advertisers;
mod campaigns;
mod identity;
mod loads;
mod members;
mod operations;
mod records;
mod reports;
mod segment_records;
mod segments;
pub(crate) mod streams;
mod targeting;
mod uploads;

use std::convert::Infallible;
use std::sync::Arc;

use http::Request;
use segengine::engine::Engine;
use segengine::engine::caller::Caller;
use segengine::{Error, Result, limits};
use tokio::sync::{Semaphore, watch};
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Response, Status};
use tower::Service as _;

use crate::status;
use crate::times::Times;
use crate::v1::admin_server::AdminServer;
use crate::v1::campaigns_server::CampaignsServer;
use crate::v1::identity_server::IdentityServer;
use crate::v1::segments_server::SegmentsServer;
use crate::v1::targeting_server::TargetingServer;

/// Threads for work, for each runtime: more than streams that may come in, each of which holds one, so that writes always
/// find another.
pub(crate) const WORK_THREADS: usize = 64;

/// What every service holds.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) engine: Engine,
    pub(crate) stopping: Stopping,
    streams_in: Arc<Semaphore>,
    pub(crate) times: Arc<Times>,
}

impl Services {
    /// Answers a message by `act`, on a thread for work.
    pub(crate) async fn answer<M, A>(
        &self,
        request: tonic::Request<M>,
        act: impl FnOnce(&Engine, &Caller, M) -> Result<A> + Send + 'static,
    ) -> Result<Response<A>, Status>
    where
        M: Send + 'static,
        A: Send + 'static,
    {
        let (caller, engine) = (caller_of(&request)?, self.engine.clone());
        let message = request.into_inner();
        work(move || act(&engine, &caller, message)).await.map(Response::new)
    }
}

/// Runs what may take long on a thread for it.
pub(crate) async fn work<A: Send + 'static>(act: impl FnOnce() -> Result<A> + Send + 'static) -> Result<A, Status> {
    match tokio::task::spawn_blocking(act).await {
        Ok(outcome) => outcome.map_err(noted),
        Err(_) => Err(noted(Error::internal("the call failed by a defect of the engine").hint("see the server's log"))),
    }
}

/// Who calls, as the policy layer found out.
pub(crate) fn caller_of<M>(request: &tonic::Request<M>) -> Result<Caller, Status> {
    let caller = request.extensions().get::<Caller>().copied();
    caller.ok_or_else(|| status::from(Error::internal("the call did not pass the policy layer")))
}

/// The status of an error; what an operator must know is logged. Messages name no person.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err hands over")]
pub(crate) fn noted(error: Error) -> Status {
    use segengine::ErrorKind::{Corrupted, Internal, Storage};
    if matches!(error.kind(), Internal | Corrupted | Storage) {
        tracing::error!(kind = error.kind().name(), message = error.message(), "a call failed");
    }
    status::of(&error)
}

/// Tells long streams that the server is about to end.
#[derive(Clone)]
pub(crate) struct Stopping(Arc<watch::Sender<bool>>);

impl Stopping {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when the server begins to stop.
    pub(crate) async fn begun(&self) {
        let mut receiver = self.0.subscribe();
        // The sender lives as long as this does.
        let _ = receiver.wait_for(|stopping| *stopping).await;
    }
}

/// All services over one engine.
#[derive(Clone)]
pub(crate) struct Mounted {
    /// For one user a message: small messages only, past the router.
    impressions: TargetingServer<targeting::TargetingService>,
    routes: Routes,
}

impl Mounted {
    pub(crate) fn new(engine: &Engine, stopping: &Stopping, times: &Arc<Times>) -> Self {
        let services = Services {
            engine: engine.clone(),
            stopping: stopping.clone(),
            streams_in: Arc::new(Semaphore::new(limits::STREAMS_IN)),
            times: Arc::clone(times),
        };
        macro_rules! bounded {
            ($server:ident, $service:expr) => {
                $server::new($service)
                    .max_decoding_message_size(limits::MESSAGE_BYTES)
                    .max_encoding_message_size(limits::ANSWER_BYTES)
            };
        }
        let targeting = bounded!(TargetingServer, targeting::TargetingService(services.clone()));
        let impressions = targeting.clone().max_decoding_message_size(limits::MATCH_MESSAGE_BYTES);
        let routes = Routes::new(targeting)
            .add_service(bounded!(IdentityServer, identity::IdentityService(services.clone())))
            .add_service(bounded!(SegmentsServer, segments::SegmentsService(services.clone())))
            .add_service(bounded!(CampaignsServer, campaigns::CampaignsService(services.clone())))
            .add_service(bounded!(AdminServer, admin::AdminService(services)))
            .prepare();
        Self { impressions, routes }
    }

    /// Hands a call to its service.
    pub(crate) async fn call(&mut self, request: Request<Body>) -> Result<http::Response<Body>, Infallible> {
        match request.uri().path() {
            "/segengine.v1.Targeting/Match" | "/segengine.v1.Targeting/MatchStream" => {
                self.impressions.call(request).await
            }
            _ => self.routes.call(request).await,
        }
    }
}
