//! What the server says of a span of time: its own histogram and its processor time, from before to after.

use std::collections::BTreeMap;
use std::rc::Rc;

use prost::Message as _;
use segengine::{Error, ErrorKind, Result};
use segengine_server::v1;

use crate::connection::Connection;
use crate::outcome::Outcome;
use crate::question::{self, Shape};
use crate::target::Target;
use crate::unary;

const PATH: &str = "/segengine.v1.Admin/GetServerTimes";

/// What the server says of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSpan {
    /// Processor time of its process.
    pub cpu_ns: u64,
    /// Calls that it counted.
    pub calls: u64,
    /// Their time together.
    pub total_ns: u64,
    /// Calls by the shortest duration of their bucket, ascending.
    pub buckets: Vec<(u64, u64)>,
}

/// Asks a server for its times; nothing when it is another kind of server, which has none.
///
/// # Errors
/// `Unavailable` when nothing answers, or no gRPC server.
pub(crate) fn ask(target: &Target) -> Result<Option<v1::ServerTimes>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::storage("starting a thread", error))?;
    let target = Rc::new(target.clone());
    let asked = tokio::task::LocalSet::new().block_on(&runtime, async {
        let connection = Connection::open(&target, PATH).await?;
        Ok::<_, Error>(unary::answer(&connection, question::frame(&v1::GetServerTimesRequest {})).await)
    })?;
    match asked {
        Ok(message) => Ok(v1::ServerTimes::decode(message).ok()),
        Err(Outcome::Refused(14)) => {
            let error = Error::new(ErrorKind::Unavailable, format!("{} does not serve", target.as_str()));
            Err(error.field("target").hint("it is starting or stopping: try again"))
        }
        Err(Outcome::Lost) => Err(target.unavailable("the connection broke")),
        Err(_) => Ok(None),
    }
}

/// The difference of two answers, for the method of a shape.
pub(crate) fn between(before: &v1::ServerTimes, after: &v1::ServerTimes, shape: Shape) -> ServerSpan {
    let name = match shape {
        Shape::Unary => "Match",
        Shape::Batch(_) => "MatchBatch",
        // The messages of a stream are not timed by the server.
        Shape::Stream => "",
    };
    let of = |times: &v1::ServerTimes| times.methods.iter().find(|method| method.method == name).cloned();
    let (old, new) = (of(before).unwrap_or_default(), of(after).unwrap_or_default());
    let old_calls: BTreeMap<u64, u64> = old.from_ns.iter().copied().zip(old.calls.iter().copied()).collect();
    let buckets = new.from_ns.iter().zip(&new.calls).filter_map(|(&from, &calls)| {
        let calls = calls.saturating_sub(old_calls.get(&from).copied().unwrap_or_default());
        (calls > 0).then_some((from, calls))
    });
    let buckets: Vec<(u64, u64)> = buckets.collect();
    ServerSpan {
        cpu_ns: after.process_cpu_ns.saturating_sub(before.process_cpu_ns),
        calls: buckets.iter().map(|&(_, calls)| calls).sum(),
        total_ns: new.total_ns.saturating_sub(old.total_ns),
        buckets,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_what_came_between() {
        let times = |cpu, total, from_ns: &[u64], calls: &[u64]| v1::ServerTimes {
            uptime_ns: 1,
            process_cpu_ns: cpu,
            methods: vec![v1::MethodTimes {
                method: "Match".to_owned(),
                total_ns: total,
                from_ns: from_ns.to_vec(),
                calls: calls.to_vec(),
            }],
        };
        let (before, after) = (times(100, 50, &[8, 64], &[3, 1]), times(170, 90, &[8, 32, 64], &[3, 2, 4]));
        let span = between(&before, &after, Shape::Unary);
        assert_eq!(span, ServerSpan { cpu_ns: 70, calls: 5, total_ns: 40, buckets: vec![(32, 2), (64, 3)] });
        assert_eq!(between(&before, &after, Shape::Stream).calls, 0);
    }
}
