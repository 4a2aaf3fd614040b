//! The catalog: what was committed comes back, what was not never was, and damage is named.

mod damage;
mod model;
mod writes;

use std::path::Path;

use segengine::catalog::{
    Adgroup, Advertiser, Campaign, Segment, SegmentKind, SegmentState, Status, StoredTargeting, Version, VersionState,
};
use segengine::ids::{AdgroupId, AdvertiserNumber, CampaignNumber, Revision, SegmentNumber, SlotNumber};
use segengine::time::Timestamp;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn advertiser(number: u32, id: &str) -> Advertiser {
    Advertiser {
        number: AdvertiserNumber(number),
        id: id.to_owned(),
        display_name: format!("Advertiser {id}"),
        allow_raw_emails: false,
        create_time: NOW,
        update_time: NOW,
        revision: Revision(1),
    }
}

fn campaign(number: u32, advertiser: u32, id: &str) -> Campaign {
    Campaign {
        number: CampaignNumber(number),
        advertiser: AdvertiserNumber(advertiser),
        id: id.to_owned(),
        display_name: format!("Campaign {id}"),
        status: Status::Active,
        create_time: NOW,
        update_time: NOW,
        revision: Revision(1),
    }
}

fn segment(number: u32, id: &str) -> Segment {
    Segment {
        number: SegmentNumber(number),
        advertiser: AdvertiserNumber(0),
        campaign: Some(CampaignNumber(0)),
        id: id.to_owned(),
        display_name: format!("Segment {id}"),
        kind: SegmentKind::Crm,
        state: SegmentState::Empty,
        live_version: None,
        report: Some("{\"rows\":\"é\"}".to_owned()),
        failure: None,
        create_time: NOW,
        update_time: NOW,
        revision: Revision(2),
    }
}

fn adgroup(number: u32, id: &str) -> Adgroup {
    Adgroup {
        number: AdgroupId(number),
        campaign: CampaignNumber(0),
        id: id.to_owned(),
        display_name: format!("Adgroup {id}"),
        status: Status::Paused,
        start: Some(NOW),
        end: None,
        targeting: StoredTargeting::Groups {
            include: vec![vec![SegmentNumber(0), SegmentNumber(1)]],
            exclude: vec![SegmentNumber(2)],
        },
        serve_on_missing_exclude: false,
        create_time: NOW,
        update_time: NOW,
        revision: Revision(3),
    }
}

fn version(number: u64, segment: u32, slot: SlotNumber) -> Version {
    Version {
        number,
        segment: SegmentNumber(segment),
        slot,
        file: format!("members-{number}.1.00000000"),
        identifiers: 1,
        state: VersionState::Live,
        accepted: Revision(5),
        create_time: NOW,
    }
}

/// Rewrites the database as a person with `sqlite3` would, while nobody has it open.
fn by_hand(directory: &Path, statement: &str) {
    let connection = rusqlite::Connection::open(directory.join("catalog.sqlite")).unwrap();
    connection.execute_batch(statement).unwrap();
}
