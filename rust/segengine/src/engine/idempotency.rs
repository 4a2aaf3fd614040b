//! A mutation that its caller repeats is done once: same request id, same request, same answer.
//!
//! The catalog keeps each request id with a fingerprint of the request and the number of the record that it made or
//! changed, in the same transaction as the change. They are forgotten after a day, when nobody repeats them any more.

use super::caller::{Caller, Tenant};
use super::publisher::Change;
use crate::catalog::RequestRecord;
use crate::error::{Error, ErrorKind, Result};

/// How long a request id is remembered.
const REMEMBERED_MS: i64 = 24 * 3_600_000;
/// Old ids forgotten with each new one.
const FORGOTTEN_AT_ONCE: usize = 4;
/// Length of a request id.
const ID_BYTES: usize = 128;

/// The caller's name for one mutation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId {
    /// Chosen by the caller, unique for each mutation.
    pub id: String,
    /// A digest of the whole request: the same id with another request is refused.
    pub fingerprint: String,
}

impl Change<'_> {
    /// The outcome of the same request, when it was done before.
    ///
    /// # Errors
    /// `InvalidInput` for an id that is too long; `AlreadyExists` for the same id with another request.
    pub(super) fn done_before(
        &self,
        caller: &Caller,
        method: &str,
        request: Option<&RequestId>,
    ) -> Result<Option<u64>> {
        let Some(request) = request else { return Ok(None) };
        if request.id.len() > ID_BYTES {
            return Err(Error::limit("request_id", request.id.len() as u64, ID_BYTES as u64, "bytes"));
        }
        match self.model().request(&key(caller, method, request)) {
            Some(before) if before.fingerprint == request.fingerprint => Ok(Some(before.outcome)),
            Some(_) => Err(Error::new(ErrorKind::AlreadyExists, "this request id was used for another request")
                .field("request_id")
                .hint("use a new id for each request, the same one only to repeat it")),
            None => Ok(None),
        }
    }

    /// Notes what the request did, and forgets some that are a day old.
    ///
    /// # Errors
    /// `Storage`.
    pub(super) fn remember(
        &mut self,
        caller: &Caller,
        method: &str,
        request: Option<&RequestId>,
        outcome: u64,
    ) -> Result<()> {
        let Some(request) = request else { return Ok(()) };
        let oldest = self.model().requests.values().take(FORGOTTEN_AT_ONCE);
        let old: Vec<u64> = oldest
            .filter(|record| record.create_time.0 + REMEMBERED_MS < self.now.0)
            .map(|record| record.number)
            .collect();
        for number in old {
            self.write.remove::<RequestRecord>(number)?;
        }
        let number = self.write.next("requests")?;
        let key = key(caller, method, request);
        let (fingerprint, create_time) = (request.fingerprint.clone(), self.now);
        self.write.put(RequestRecord { number, key, fingerprint, outcome, create_time })
    }
}

fn key(caller: &Caller, method: &str, request: &RequestId) -> String {
    let tenant = match caller.tenant {
        Tenant::Network => "network".to_owned(),
        Tenant::Advertiser(number) => number.to_string(),
    };
    format!("{tenant}/{method}/{}", request.id)
}
