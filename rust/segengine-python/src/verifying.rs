//! Verification of a directory that nobody has open: it must work where opening does not, because a file is damaged.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use segengine::engine::{OpenOptions, VerifyStep, verify_directory as verify};
use segengine_server::clock::SystemClock;

use crate::errors::{Answer, Failure, guarded};

/// A file, a byte in it, and what is wrong there.
type Found = (String, Option<u64>, String);
/// What was found, and how many files, records and bytes were looked at.
type Report = (Vec<Found>, u64, u64, u64);

/// Reads every file, row and record of a directory that no engine has open. `progress` is told the phase, the steps done
/// and the steps in all; an exception of it, or Ctrl-C, is raised once the reading has ended.
#[pyfunction]
#[pyo3(signature = (path, *, key_file=None, progress=None))]
pub(crate) fn verify_directory(
    py: Python<'_>,
    path: PathBuf,
    key_file: Option<PathBuf>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Report> {
    guarded(|| {
        let options = OpenOptions { create: false, ..OpenOptions::new(Arc::new(SystemClock)) };
        let (report, told) = py.detach(move || {
            let mut found = Vec::new();
            let mut told: PyResult<()> = Ok(());
            let mut listener = |step: VerifyStep| match step {
                VerifyStep::Found(finding) => found.push((finding.file, finding.offset, finding.message)),
                VerifyStep::Progress { phase, done, total } if told.is_ok() => {
                    told = Python::attach(|py| {
                        py.check_signals()?;
                        progress.as_ref().map_or(Ok(()), |call| call.call1(py, (phase, done, total)).map(drop))
                    });
                }
                VerifyStep::Progress { .. } => {}
            };
            let verified = verify(&path, key_file, options, &mut listener);
            (verified.map(|verified| (found, verified.files, verified.records, verified.bytes)), told)
        });
        told.map_err(Failure::Python)?;
        let report: Answer<Report> = report.map_err(Failure::Engine);
        report
    })
}
