//! The records of segments: from requests to the engine, and from its records to messages.

use segengine::Result;
use segengine::engine::Engine;
use segengine::engine::caller::Caller;
use segengine::engine::formats::SegmentState;
use segengine::engine::management::{NewName, NewSegment, SegmentChanges, SegmentView};
use segengine::engine::names::{Parent, SegmentName};
use segengine::ids::Revision;

use super::records::{Mask, messages, mutation, page};
use super::reports;
use crate::{convert, v1};

pub(super) fn create(engine: &Engine, caller: &Caller, request: v1::CreateSegmentRequest) -> Result<v1::Segment> {
    let how = mutation(&request.request_id, &request, request.validate_only);
    let parent = parent_of(&request.parent)?;
    let display_name = request.segment.unwrap_or_default().display_name;
    let name = NewName { id: request.segment_id, display_name, exist_ok: request.exist_ok };
    engine.create_segment(caller, &parent, &NewSegment { name }, &how).map(|made| message(&made))
}

pub(super) fn get(engine: &Engine, caller: &Caller, request: &v1::GetSegmentRequest) -> Result<v1::Segment> {
    engine.check_revision(Revision(request.min_revision))?;
    engine.segment(caller, &SegmentName::parse(&request.name)?).map(|found| message(&found))
}

pub(super) fn list(
    engine: &Engine,
    caller: &Caller,
    request: v1::ListSegmentsRequest,
) -> Result<v1::ListSegmentsResponse> {
    let parent = parent_of(&request.parent)?;
    let filter = (request.page_token, request.display_name);
    let page = page(engine, request.page_size, filter, request.min_revision)?;
    let (segments, next_page_token) = messages(&engine.segments(caller, &parent, &page)?, message);
    Ok(v1::ListSegmentsResponse { segments, next_page_token })
}

pub(super) fn update(engine: &Engine, caller: &Caller, request: &v1::UpdateSegmentRequest) -> Result<v1::Segment> {
    let how = mutation(&request.request_id, request, request.validate_only);
    let mask = Mask::read(request.update_mask.as_ref(), &["display_name"])?;
    let given = request.segment.clone().unwrap_or_default();
    let changes = SegmentChanges { display_name: mask.text("display_name", &given.display_name), etag: given.etag };
    let name = SegmentName::parse(&given.name)?;
    engine.update_segment(caller, &name, &changes, &how).map(|changed| message(&changed))
}

pub(super) fn delete(
    engine: &Engine,
    caller: &Caller,
    request: &v1::DeleteSegmentRequest,
) -> Result<v1::DeleteSegmentResponse> {
    let how = mutation(&request.request_id, request, request.validate_only);
    let name = SegmentName::parse(&request.name)?;
    let revision = engine.delete_segment(caller, &name, &request.etag, &how)?;
    Ok(v1::DeleteSegmentResponse { revision: revision.0 })
}

fn parent_of(text: &str) -> Result<Parent> {
    Parent::parse(text).map_err(|error| error.field("parent"))
}

fn message(view: &SegmentView) -> v1::Segment {
    let (record, size) = (&view.record, view.size);
    let state = match record.state {
        SegmentState::Empty => v1::SegmentState::Empty,
        SegmentState::Processing => v1::SegmentState::Processing,
        SegmentState::Processed => v1::SegmentState::Processed,
        SegmentState::Failed => v1::SegmentState::Failed,
    };
    v1::Segment {
        name: view.name.to_string(),
        display_name: record.display_name.clone(),
        number: record.number.0,
        r#type: v1::SegmentType::Crm.into(),
        state: state.into(),
        create_time: Some(convert::timestamp(record.create_time)),
        update_time: Some(convert::timestamp(record.update_time)),
        etag: view.etag(),
        revision: record.revision.0,
        profile_count: size.profile_count,
        reachable_count: size.reachable_count,
        reach: (size.profile_count > 0).then(|| size.reachable_count as f64 / size.profile_count as f64),
        below_minimum: size.below_minimum,
        identifier_count: size.identifier_count,
        ready: size.ready,
        report: record.report.as_deref().and_then(reports::from_stored),
        failure: record.failure.clone().unwrap_or_default(),
        live_version: record.live_version.unwrap_or_default(),
    }
}
