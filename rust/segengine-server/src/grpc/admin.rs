//! The engine itself: its facts, its bounds, and whether its files are whole.

use segengine::engine::caller::Caller;
use segengine::engine::{Engine, VerifyStep};
use segengine::{Result, limits};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::Services;
use super::streams::Outgoing;
use crate::convert::timestamp;
use crate::v1::admin_server::Admin;
use crate::v1::{self, verify_response::Part};

/// The service.
pub(crate) struct AdminService(pub(crate) Services);

#[tonic::async_trait]
impl Admin for AdminService {
    type VerifyStream = ReceiverStream<Result<v1::VerifyResponse, Status>>;

    async fn get_info(&self, request: Request<v1::GetInfoRequest>) -> Result<Response<v1::Info>, Status> {
        self.0.answer(request, |engine, caller, _| info(engine, caller)).await
    }

    async fn verify(&self, request: Request<v1::VerifyRequest>) -> Result<Response<Self::VerifyStream>, Status> {
        self.0.give_out(request, |engine, caller, _, parts| verify(engine, caller, parts))
    }

    async fn get_server_times(
        &self,
        request: Request<v1::GetServerTimesRequest>,
    ) -> Result<Response<v1::ServerTimes>, Status> {
        let times = std::sync::Arc::clone(&self.0.times);
        self.0
            .answer(request, move |engine, caller, _| {
                engine.info(caller)?; // may this caller ask about the engine?
                Ok(times.message())
            })
            .await
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

fn info(engine: &Engine, caller: &Caller) -> Result<v1::Info> {
    let found = engine.info(caller)?;
    Ok(v1::Info {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        engine_id: found.engine_id.to_string(),
        data_directory: found.data_directory,
        generation: found.generation.0,
        revision: found.revision.0,
        link_epoch: found.link_epoch.0,
        identifiers: found.identifiers,
        links: found.links,
        memberships: found.memberships,
        advertisers: found.advertisers,
        campaigns: found.campaigns,
        segments: found.segments,
        adgroups: found.adgroups,
        poisoned: found.poisoned,
        index_builds: found.index_builds,
        index_build_us: found.index_build_us,
        notices: engine.notices().to_vec(),
        records_source: found.records_source,
        checkpoint_time: found.checkpoint.map(|checkpoint| timestamp(checkpoint.time)),
        checkpoint_revision: found.checkpoint.map_or(0, |checkpoint| checkpoint.revision.0),
        checkpoint_bytes: found.checkpoint.map_or(0, |checkpoint| checkpoint.bytes),
        checkpoint_us: found.checkpoint.map_or(0, |checkpoint| checkpoint.duration_us),
        checkpoint_failure: found.checkpoint_failure.unwrap_or_default(),
    })
}

/// Verifies and tells each step as it goes. A caller that goes away is told no more; the verification itself ends by
/// itself, because it changes nothing.
fn verify(engine: &Engine, caller: &Caller, parts: &mut Outgoing<v1::VerifyResponse>) -> Result<()> {
    let mut listening = true;
    let mut tell = |part| listening = listening && parts.send(v1::VerifyResponse { part: Some(part) });
    let verified = engine.verify(caller, &mut |step| {
        tell(match step {
            VerifyStep::Progress { phase, done, total } => {
                Part::Progress(v1::VerifyProgress { phase: phase.to_owned(), done, total })
            }
            VerifyStep::Found(finding) => Part::Finding(v1::VerifyFinding {
                file: finding.file,
                offset: finding.offset,
                message: finding.message,
            }),
        });
    })?;
    tell(Part::Summary(v1::VerifySummary {
        findings: verified.findings,
        files: verified.files,
        records: verified.records,
        bytes: verified.bytes,
    }));
    Ok(())
}
