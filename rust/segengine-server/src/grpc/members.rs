//! Single members, added or removed at once.

use segengine::Result;
use segengine::engine::Engine;
use segengine::engine::caller::Caller;
use segengine::engine::names::SegmentName;

use crate::convert::{self, Many};
use crate::v1;

pub(super) fn change(
    engine: &Engine,
    caller: &Caller,
    request: &v1::ChangeMembersRequest,
    add: bool,
) -> Result<v1::ChangeMembersResponse> {
    let name = SegmentName::parse(&request.name)?;
    let given = Many::read(&request.identifiers, request.column.as_ref())?;
    let request_id = convert::request_id(&request.request_id, request);
    let done = engine.change_members(caller, &name, given.iter().map(Result::ok), add, request_id.as_ref())?;
    Ok(v1::ChangeMembersResponse {
        changed: done.changed,
        unchanged: done.unchanged,
        unknown: done.unknown,
        skipped: done.skipped,
        revision: done.written.revision.0,
    })
}
