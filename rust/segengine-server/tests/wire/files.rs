//! Uploads and the operations that watch them.

use std::time::Duration;

use segengine::ErrorKind;
use segengine_server::v1::segments_client::SegmentsClient;
use segengine_server::v1::upload_segment_request::Part;
use segengine_server::v1::{self, UploadSegmentRequest};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::house::{CAMPAIGN, House, dial, failure};

fn part(part: Part) -> UploadSegmentRequest {
    UploadSegmentRequest { part: Some(part) }
}

fn header(wait: bool) -> v1::UploadHeader {
    let (parent, display_name) = (CAMPAIGN.to_owned(), "Clients 2018".to_owned());
    v1::UploadHeader { parent, display_name, wait, file_name: "clients.csv".to_owned(), ..Default::default() }
}

fn lines(count: u32) -> String {
    (0..count).map(|number| format!("{number:032x}")).collect::<Vec<_>>().join("\n") + "\n"
}

async fn upload(house: &House, parts: Vec<UploadSegmentRequest>) -> Result<v1::Operation, tonic::Status> {
    house.segments().upload_segment(tokio_stream::iter(parts)).await.map(tonic::Response::into_inner)
}

async fn waited(house: &House, name: &str) -> v1::Operation {
    let asked = v1::WaitOperationRequest { name: name.to_owned(), timeout: None };
    house.segments().wait_operation(asked).await.unwrap().into_inner()
}

/// A file cut anywhere becomes the segment, which is created; its report adds up; the operation can be read and is listed.
#[tokio::test]
async fn a_file_becomes_a_segment() {
    let house = House::open().await;
    let file = lines(1_000);
    let mut parts = vec![part(Part::Header(header(true)))];
    parts.extend(file.as_bytes().chunks(777).map(|chunk| part(Part::Chunk(chunk.to_vec().into()))));
    let done = upload(&house, parts).await.unwrap();
    assert_eq!((done.state(), done.done, done.error.as_ref()), (v1::OperationState::Succeeded, true, None));
    let report = done.report.clone().unwrap();
    assert_eq!((report.rows_total, report.valid, report.unique, report.profile_count), (1_000, 1_000, 1_000, 1_000));
    assert_eq!(done.segment, format!("{CAMPAIGN}/segments/clients-2018"));
    let mut client = house.segments();
    let asked = v1::GetOperationRequest { name: done.name.clone() };
    assert_eq!(client.get_operation(asked).await.unwrap().into_inner(), done);
    let asked = v1::ListOperationsRequest { parent: CAMPAIGN.to_owned(), ..Default::default() };
    assert_eq!(client.list_operations(asked).await.unwrap().into_inner().operations[0], done);
}

/// Without `wait` the answer comes once the file is in; waiting for the operation gives its end.
#[tokio::test]
async fn an_upload_can_be_awaited_later() {
    let house = House::open().await;
    let parts = vec![part(Part::Header(header(false))), part(Part::Md5Digests(vec![7_u8; 16].into()))];
    let begun = upload(&house, parts).await.unwrap();
    let done = waited(&house, &begun.name).await;
    assert_eq!(done.state(), v1::OperationState::Failed, "one digest is too small a list");
    assert_eq!(done.error.unwrap().reason, "too_small");
}

/// A refused file is a failed operation with a report and a reason, not an error of the call.
#[tokio::test]
async fn a_refused_file_is_a_failed_operation() {
    let house = House::open().await;
    let file = "email;name\na;b\n".repeat(100);
    let done = upload(&house, vec![part(Part::Header(header(true))), part(Part::Chunk(file.into()))]).await.unwrap();
    assert_eq!(done.state(), v1::OperationState::Failed);
    let error = done.error.unwrap();
    assert_eq!((error.kind.as_str(), error.code), ("UPLOAD_FAILED", Code::FailedPrecondition as i32));
    assert!(error.message.contains("clients.csv") && !error.hint.is_empty(), "{error:?}");
}

/// What has no operation is an error of the call: no header, an unknown place, a column 0, a mode of a later version.
#[tokio::test]
async fn a_wrong_header_is_an_error() {
    let house = House::open().await;
    let zero = Some(v1::UploadOptions { column: Some(0) });
    let cases = [
        (part(Part::Chunk("x".into())), ErrorKind::InvalidInput, Some("header")),
        (part(Part::Header(v1::UploadHeader::default())), ErrorKind::InvalidInput, Some("segment")),
        (
            part(Part::Header(v1::UploadHeader { options: zero, ..header(true) })),
            ErrorKind::InvalidInput,
            Some("options.column"),
        ),
        (part(Part::Header(v1::UploadHeader { mode: 2, ..header(true) })), ErrorKind::InvalidInput, Some("mode")),
        (
            part(Part::Header(v1::UploadHeader { parent: "nobody".to_owned(), ..header(true) })),
            ErrorKind::NotFound,
            Some("name"),
        ),
    ];
    for (first, kind, field) in cases {
        let (refused, _) = failure(upload(&house, vec![first]).await);
        assert_eq!((refused.kind, refused.field.as_deref()), (kind, field), "{refused:?}");
    }
    let mut client = house.segments();
    for name in ["operations/9999", "nonsense"] {
        let asked = v1::GetOperationRequest { name: name.to_owned() };
        assert_eq!(failure(client.get_operation(asked).await).0.field.as_deref(), Some("name"));
    }
}

/// While a file comes, its operation runs and is watched; a second file for the segment is a conflict; cancelling ends
/// it, and nothing of it stays.
#[tokio::test]
async fn a_running_upload_is_watched_and_cancelled() {
    let house = House::open().await;
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let mut client = house.segments();
    let mut uploading = house.segments();
    let upload_call = tokio::spawn(async move { uploading.upload_segment(ReceiverStream::new(receiver)).await });
    sender.send(part(Part::Header(header(true)))).await.unwrap();
    sender.send(part(Part::Chunk(lines(100).into()))).await.unwrap();
    let running = loop {
        let asked = v1::ListOperationsRequest::default();
        let found = client.list_operations(asked).await.unwrap().into_inner().operations;
        match found.into_iter().find(|operation| !operation.done && operation.bytes > 0) {
            Some(running) => break running,
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    assert_eq!((running.state(), running.phase.as_str()), (v1::OperationState::Running, "receive"));
    let timeout = Some(prost_types::Duration { seconds: 0, nanos: 1_000_000 });
    let asked = v1::WaitOperationRequest { name: running.name.clone(), timeout };
    assert!(!client.wait_operation(asked).await.unwrap().into_inner().done, "the time was over first");
    let (refused, code) = failure(upload(&house, vec![part(Part::Header(header(true)))]).await);
    assert_eq!((refused.kind, code), (ErrorKind::Conflict, Code::Aborted));
    let asked = v1::WatchOperationRequest { name: running.name.clone() };
    let mut watched = client.watch_operation(asked).await.unwrap().into_inner();
    assert!(!watched.message().await.unwrap().unwrap().done);
    client.cancel_operation(v1::CancelOperationRequest { name: running.name.clone() }).await.unwrap();
    // Cancelling is seen with the next bytes.
    let _ = sender.send(part(Part::Chunk(lines(100_000).into()))).await;
    let mut last = None;
    while let Some(seen) = watched.message().await.unwrap() {
        last = Some(seen);
    }
    assert_eq!(last.unwrap().state(), v1::OperationState::Cancelled);
    assert_eq!(upload_call.await.unwrap().unwrap().into_inner().state(), v1::OperationState::Cancelled);
}

/// A client that dies in the middle of a file leaves nothing: half a file is never taken for a whole one.
#[tokio::test]
async fn half_a_file_is_no_file() {
    let house = House::open().await;
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    // The client lives in a runtime of its own, which dies with its connection while the file is coming.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let target = house.server.target();
    runtime.spawn(async move {
        let mut client = SegmentsClient::new(dial(&target).await);
        client.upload_segment(ReceiverStream::new(receiver)).await
    });
    sender.send(part(Part::Header(header(true)))).await.unwrap();
    sender.send(part(Part::Chunk(lines(1_000).into()))).await.unwrap();
    let mut client = house.segments();
    let name = loop {
        let found = client.list_operations(v1::ListOperationsRequest::default()).await.unwrap().into_inner();
        match found.operations.into_iter().find(|operation| operation.bytes > 0) {
            Some(running) => break running.name,
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    runtime.shutdown_background();
    let ended = waited(&house, &name).await;
    assert_eq!(ended.state(), v1::OperationState::Cancelled, "{ended:?}");
    drop(sender);
}
