//! Customer files over the wire: a header, then the file's bytes as they come.
//!
//! A file that is refused is no error of the call: the operation has failed, and its report says why. An error of the
//! call is what has no operation: a header that is wrong, a segment that another file fills at this moment.

use segengine::engine::caller::Caller;
use segengine::engine::formats::Column;
use segengine::engine::names::{Parent, SegmentName};
use segengine::engine::{Engine, Upload, UploadBegun, UploadSettings, UploadTarget};
use segengine::{Error, ErrorKind, Result};
use tokio::runtime::Handle;

use super::operations;
use super::streams::Incoming;
use crate::convert;
use crate::v1::{self, upload_segment_request::Part};

pub(super) fn upload(
    engine: &Engine,
    caller: &Caller,
    mut parts: Incoming<v1::UploadSegmentRequest>,
) -> Result<v1::Operation> {
    let Some(Part::Header(header)) = parts.next().transpose()?.and_then(|message| message.part) else {
        return Err(convert::no_header());
    };
    convert::known_mode(v1::UploadMode::try_from(header.mode).is_ok(), "mode")?;
    let wait = header.wait;
    let operation = match engine.begin_upload(caller, &target(&header)?, settings(&header)?)? {
        UploadBegun::Repeated(operation) => operation,
        UploadBegun::Accepted(mut upload) => {
            let operation = upload.operation();
            match take_in(&mut upload, parts) {
                Ok(()) => finish(*upload, caller, wait),
                // The caller went away or broke the stream: dropping the upload cancels it.
                Err(Stopped::Stream(error)) => return Err(error),
                Err(Stopped::File) => {}
            }
            operation
        }
    };
    engine.operation(caller, operation).map(|found| operations::message(&found))
}

/// Why no more of a file is taken in.
enum Stopped {
    /// The stream broke.
    Stream(Error),
    /// The file was refused; its operation has ended and says why.
    File,
}

fn take_in(upload: &mut Upload, parts: Incoming<v1::UploadSegmentRequest>) -> Result<(), Stopped> {
    for message in parts {
        let fed = match message.map_err(Stopped::Stream)?.part {
            Some(Part::Chunk(bytes)) => upload.feed(&bytes),
            Some(Part::Md5Digests(digests)) => upload.feed_md5(&digests),
            Some(Part::Sha256Digests(digests)) => upload.feed_sha256(&digests),
            Some(Part::Header(_)) | None => return Err(Stopped::Stream(convert::second_header())),
        };
        fed.map_err(|_| Stopped::File)?;
    }
    Ok(())
}

/// Publishes a file that is in, here or on a thread of its own. What it ends with is in the operation.
fn finish(upload: Upload, caller: &Caller, wait: bool) {
    let caller = *caller;
    let publish = move || {
        if let Err(error) = upload.finish(&caller)
            && matches!(error.kind(), ErrorKind::Storage | ErrorKind::Corrupted | ErrorKind::Internal)
        {
            tracing::error!(kind = error.kind().name(), message = error.message(), "an upload failed");
        }
    };
    if wait {
        publish();
    } else {
        drop(Handle::current().spawn_blocking(publish));
    }
}

fn target(header: &v1::UploadHeader) -> Result<UploadTarget> {
    let named = !header.parent.is_empty() || !header.display_name.is_empty();
    match (header.segment.as_str(), named) {
        ("", true) => Ok(UploadTarget::Named {
            parent: Parent::parse(&header.parent).map_err(|error| error.field("parent"))?,
            display_name: header.display_name.clone(),
            id: Some(header.segment_id.clone()).filter(|id| !id.is_empty()),
        }),
        (segment, false) if !segment.is_empty() => {
            SegmentName::parse(segment).map(UploadTarget::Segment).map_err(|error| error.field("segment"))
        }
        _ => Err(Error::invalid("the header does not say which segment the file fills")
            .field("segment")
            .hint("give `segment`, or `parent` and `display_name`")),
    }
}

fn settings(header: &v1::UploadHeader) -> Result<UploadSettings> {
    let column = match header.options.as_ref().and_then(|options| options.column) {
        Some(0) => {
            let error = Error::invalid("column 0: columns count from 1").field("options.column");
            return Err(error.hint("leave it away when the file has one column"));
        }
        column => column.map(|column| Column::Number(column as usize)),
    };
    Ok(UploadSettings {
        file_name: header.file_name.clone(),
        column,
        total_bytes: header.total_bytes,
        request: convert::request_id(&header.request_id, header),
    })
}
