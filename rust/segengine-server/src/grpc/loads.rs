//! Bulk loads: a header, then chunks of pairs, until the caller says that this was all.

use segengine::engine::caller::Caller;
use segengine::engine::formats::Kind;
use segengine::engine::names::Parent;
use segengine::engine::{Engine, Load, Loaded};
use segengine::{Error, Result};

use super::streams::Incoming;
use crate::convert::{self, Many};
use crate::v1::{self, load_memberships_request::Part};

pub(super) fn load(
    engine: &Engine,
    caller: &Caller,
    mut parts: Incoming<v1::LoadMembershipsRequest>,
) -> Result<v1::LoadMembershipsResponse> {
    let Some(Part::Header(header)) = parts.next().transpose()?.and_then(|message| message.part) else {
        return Err(convert::no_header());
    };
    convert::known_mode(v1::LoadMode::try_from(header.mode).is_ok(), "mode")?;
    let request = convert::request_id(&header.request_id, &header);
    let parent = Parent::parse(&header.parent).map_err(|error| error.field("parent"))?;
    let mut load = engine.begin_load(caller, &parent, header.segments, request)?;
    let mut row = 0;
    for message in parts {
        let Some(Part::Chunk(chunk)) = message?.part else { return Err(convert::second_header()) };
        row += take(&mut load, &chunk).map_err(|error| error.at(format_args!("the chunk that begins at row {row}")))?;
    }
    load.finish().map(loaded)
}

/// Hands one chunk over; returns how many pairs it had.
fn take(load: &mut Load, chunk: &v1::LoadChunk) -> Result<usize> {
    let empty = v1::IdentifierColumn::default();
    let identifiers = Many::column(chunk.identifiers.as_ref().unwrap_or(&empty), "identifiers")?;
    let count = identifiers.len();
    check_length("segments", chunk.segments.len(), count)?;
    check_length("seen_days", chunk.seen_days.len(), count)?;
    let days: Vec<u16> = chunk.seen_days.iter().map(|&day| day_of(day)).collect::<Result<_>>()?;
    let all_first;
    let segments = if chunk.segments.is_empty() {
        all_first = vec![0; count];
        &all_first
    } else {
        &chunk.segments
    };
    match identifiers {
        Many::Packed { kind: Ok(kind @ Kind::EmailMd5), scope: "", width: 16, values } => {
            load.push_hashes::<16>(kind, values.as_chunks().0, segments, &days)?;
        }
        Many::Packed { kind: Ok(kind @ Kind::EmailSha256), scope: "", width: 32, values } => {
            load.push_hashes::<32>(kind, values.as_chunks().0, segments, &days)?;
        }
        identifiers => {
            for (place, (identifier, &segment)) in identifiers.iter().zip(segments).enumerate() {
                load.push(identifier, segment, days.get(place).copied().unwrap_or_default())?;
            }
        }
    }
    for left_out in &chunk.left_out {
        load.left_out(&left_out.reason, left_out.count);
    }
    Ok(count)
}

fn check_length(field: &str, given: usize, identifiers: usize) -> Result<()> {
    if given == 0 || given == identifiers {
        return Ok(());
    }
    Err(Error::invalid(format!("{field}: {given} values for {identifiers} identifiers")).field(field))
}

fn day_of(day: u32) -> Result<u16> {
    u16::try_from(day).map_err(|_| {
        let error = Error::invalid(format!("seen_days: {day} is no day since 1970-01-01")).field("seen_days");
        error.hint("days are counted from 1970-01-01; 0 where the day is not known")
    })
}

fn loaded(done: Loaded) -> v1::LoadMembershipsResponse {
    v1::LoadMembershipsResponse {
        rows_total: done.rows,
        valid: done.valid,
        unique: done.unique,
        duplicates: done.valid - done.unique,
        invalid: done.invalid.into_iter().map(|(reason, count)| v1::InvalidCount { reason, count }).collect(),
        segments: done
            .segments
            .into_iter()
            .map(|segment| v1::LoadedSegment {
                name: segment.name.to_string(),
                display_name: segment.display_name,
                profile_count: segment.profiles,
                created: segment.created,
            })
            .collect(),
        identifiers: done.identifiers,
        new_identifiers: done.new_identifiers,
        revision: done.written.revision.0,
        generation: done.written.generation.0,
    }
}
