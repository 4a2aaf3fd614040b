//! The standard health check: whether this server answers, for load balancers of any kind.
//!
//! `SERVING` means that an engine is mounted, open, and that the server is not stopping. The answer is computed when it
//! is asked, so there is no state that could lag behind; a watcher is told within a quarter of a second.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::front::Shared;
use crate::status;

/// How often a watched state is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// The health of the whole and of each service, which is the same.
pub(crate) struct HealthChecks(Arc<Shared>);

impl HealthChecks {
    pub(crate) fn server(shared: &Arc<Shared>) -> HealthServer<Self> {
        HealthServer::new(Self(Arc::clone(shared))).max_decoding_message_size(4_096)
    }

    fn knows(&self, service: &str) -> bool {
        service.is_empty() || self.0.policies.services().iter().any(|known| known == service)
    }
}

fn now(shared: &Shared) -> i32 {
    let status = if shared.is_serving() { ServingStatus::Serving } else { ServingStatus::NotServing };
    status.into()
}

#[tonic::async_trait]
impl Health for HealthChecks {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let service = &request.get_ref().service;
        if !self.knows(service) {
            return Err(status::unknown_service(service));
        }
        Ok(Response::new(HealthCheckResponse { status: now(&self.0) }))
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let known = self.knows(&request.get_ref().service);
        let (shared, mut said) = (Arc::clone(&self.0), None);
        let looks = tokio_stream::wrappers::IntervalStream::new(tokio::time::interval(LOOK));
        let states = looks.filter_map(move |_| {
            let status = if known { now(&shared) } else { ServingStatus::ServiceUnknown.into() };
            let changed = said.replace(status) != Some(status);
            changed.then_some(Ok(HealthCheckResponse { status }))
        });
        Ok(Response::new(Box::pin(states)))
    }
}
