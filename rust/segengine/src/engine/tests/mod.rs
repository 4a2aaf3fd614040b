//! The engine in one process: what its tests share.

mod checkpoints;
mod edits;
mod invariants;
mod paths;
mod reach;
mod release;
mod replacement;

use std::sync::Arc;

use super::caller::Caller;
use super::names::{CampaignName, Parent, SegmentName};
use super::*;
use crate::catalog::{self, Status, StoredTargeting};
use crate::identity::IdentifierRef;
use crate::ids::{AdgroupId, AdvertiserNumber, CampaignNumber, SegmentNumber};
use crate::time::ManualClock;

const NOW_MS: i64 = 1_800_000_000_000;
const ADMIN: Caller = Caller::local_admin();

fn options() -> OpenOptions {
    OpenOptions::new(Arc::new(ManualClock::new(NOW_MS)))
}

fn open(path: &Path) -> Engine {
    Engine::open(path, options()).unwrap()
}

fn campaign() -> Parent {
    Parent::Campaign(CampaignName { advertiser: "acme".to_owned(), campaign: "spring".to_owned() })
}

/// An advertiser and a campaign, put straight into the catalog.
fn found_house(engine: &Engine) {
    let mut change = engine.inner.change().unwrap();
    let (revision, now) = (change.revision, change.now);
    let number = AdvertiserNumber(change.write.next_dense("advertisers", 9).unwrap());
    let (id, display_name) = ("acme".to_owned(), "Acme".to_owned());
    let advertiser = catalog::Advertiser {
        number,
        id,
        display_name,
        allow_raw_emails: false,
        create_time: now,
        update_time: now,
        revision,
    };
    change.write.put(advertiser).unwrap();
    let campaign = CampaignNumber(change.write.next_dense("campaigns", 9).unwrap());
    let (id, display_name) = ("spring".to_owned(), "Spring".to_owned());
    let record = catalog::Campaign {
        number: campaign,
        advertiser: number,
        id,
        display_name,
        status: Status::Active,
        create_time: now,
        update_time: now,
        revision,
    };
    change.write.put(record).unwrap();
    change.commit().unwrap();
}

fn put_adgroup(engine: &Engine, number: u32, include: &[u32], exclude: &[u32]) {
    let mut change = engine.inner.change().unwrap();
    let (revision, now) = (change.revision, change.now);
    let numbers = |list: &[u32]| list.iter().copied().map(SegmentNumber).collect::<Vec<_>>();
    let include = if include.is_empty() { Vec::new() } else { vec![numbers(include)] };
    let targeting = StoredTargeting::Groups { include, exclude: numbers(exclude) };
    let (id, display_name) = (format!("a{number}"), format!("A{number}"));
    let record = catalog::Adgroup {
        number: AdgroupId(number),
        campaign: CampaignNumber(0),
        id,
        display_name,
        status: Status::Active,
        start: None,
        end: None,
        targeting,
        serve_on_missing_exclude: false,
        create_time: now,
        update_time: now,
        revision,
    };
    change.write.put(record).unwrap();
    change.touch([u64::from(number)]);
    change.commit().unwrap();
}

fn hash(number: u32) -> String {
    format!("{:032x}", u128::from(number) + 1)
}

fn upload(engine: &Engine, name: &str, members: std::ops::Range<u32>) -> Result<operations::OperationView> {
    let target = UploadTarget::Named { parent: campaign(), display_name: name.to_owned(), id: None };
    let UploadBegun::Accepted(mut upload) = engine.begin_upload(&ADMIN, &target, UploadSettings::default())? else {
        return Err(Error::internal("repeated"));
    };
    for number in members {
        upload.feed(format!("{}\n", hash(number)).as_bytes())?;
    }
    upload.finish(&ADMIN)
}

fn answer(engine: &Engine, identifier: &str) -> Vec<u32> {
    let mut scratch = MatchScratch::default();
    let question = MatchQuestion::about(Candidates::All);
    engine.match_one(&ADMIN, [IdentifierRef::parse(identifier).ok()], &question, &mut scratch).unwrap();
    let mut adgroups = scratch.adgroups().to_vec();
    adgroups.sort_unstable();
    adgroups
}

fn verify(engine: &Engine) {
    let mut findings = Vec::new();
    let verified = engine.verify(&ADMIN, &mut |step| {
        if let VerifyStep::Found(found) = step {
            findings.push(found);
        }
    });
    assert_eq!((verified.unwrap().findings, findings), (0, Vec::new()));
}
