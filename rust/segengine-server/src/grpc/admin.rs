//! The engine itself: its facts, its bounds, and whether its files are whole.

use segengine::{Error, Result, limits};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::Services;
use crate::v1;
use crate::v1::admin_server::Admin;

/// The service.
pub(crate) struct AdminService(pub(crate) Services);

#[tonic::async_trait]
impl Admin for AdminService {
    type VerifyStream = ReceiverStream<Result<v1::VerifyResponse, Status>>;

    async fn get_info(&self, request: Request<v1::GetInfoRequest>) -> Result<Response<v1::Info>, Status> {
        self.0.answer(request, |_, _, _| Err(Error::internal("not there yet"))).await
    }

    async fn verify(&self, request: Request<v1::VerifyRequest>) -> Result<Response<Self::VerifyStream>, Status> {
        self.0.give_out(request, |_, _, _, _| Err(Error::internal("not there yet")))
    }

    async fn get_limits(&self, _: Request<v1::GetLimitsRequest>) -> Result<Response<v1::Limits>, Status> {
        let limit = |&(name, value, unit, meaning): &(&str, u64, &str, &str)| v1::Limit {
            name: name.to_owned(),
            value,
            unit: unit.to_owned(),
            meaning: meaning.trim().to_owned(),
        };
        Ok(Response::new(v1::Limits { limits: limits::TABLE.iter().map(limit).collect() }))
    }
}
