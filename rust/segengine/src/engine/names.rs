//! Resource names: `advertisers/a/campaigns/c/segments/s`, or the short form `a/c/s` that people type.
//!
//! Names are what management speaks; nothing on the path of an impression parses one.

use std::fmt;

use crate::error::{Error, Result};
use crate::ids::check_slug;

macro_rules! collection_parser {
    ($name:ident, $what:literal, $example:literal, [$($collection:literal),+], $build:expr) => {
        impl $name {
            /// Reads the long form or the short form.
            ///
            /// # Errors
            /// `InvalidInput` naming the text and the expected form.
            pub fn parse(text: &str) -> Result<Self> {
                let collections: &[&str] = &[$($collection),+];
                let parts = split(text, collections).ok_or_else(|| unreadable(text, $what, $example))?;
                for part in &parts {
                    check_slug(part).map_err(|_| unreadable(text, $what, $example))?;
                }
                let build: fn(&[&str]) -> Option<Self> = $build;
                build(&parts).ok_or_else(|| unreadable(text, $what, $example))
            }
        }

        impl std::str::FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                Self::parse(text)
            }
        }
    };
}

fn unreadable(text: &str, what: &str, example: &str) -> Error {
    Error::invalid(format!("{text:?} does not name {what}")).field("name").hint(format!("write it like {example}"))
}

/// The ids of a long (`advertisers/a/campaigns/c`) or short (`a/c`) name, or nothing when it is neither.
fn split<'a>(text: &'a str, collections: &[&str]) -> Option<Vec<&'a str>> {
    let parts: Vec<&str> = text.split('/').collect();
    if parts.len() == collections.len() {
        return Some(parts);
    }
    if parts.len() != 2 * collections.len() {
        return None;
    }
    parts
        .chunks(2)
        .zip(collections)
        .map(|(pair, collection)| if pair.first() == Some(collection) { pair.get(1).copied() } else { None })
        .collect()
}

/// Names an advertiser.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AdvertiserName {
    /// Its id.
    pub advertiser: String,
}

/// Names a campaign of an advertiser.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CampaignName {
    /// The advertiser's id.
    pub advertiser: String,
    /// The campaign's id.
    pub campaign: String,
}

/// Names a segment of a campaign, or one shared at its advertiser.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentName {
    /// What it belongs to.
    pub parent: Parent,
    /// The segment's id.
    pub segment: String,
}

/// Names an adgroup of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AdgroupName {
    /// The campaign.
    pub campaign: CampaignName,
    /// The adgroup's id.
    pub adgroup: String,
}

/// What a segment belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Parent {
    /// Shared by all campaigns of the advertiser.
    Advertiser(AdvertiserName),
    /// Of one campaign.
    Campaign(CampaignName),
}

collection_parser!(AdvertiserName, "an advertiser", "advertisers/acme or acme", ["advertisers"], |parts| match parts {
    [advertiser] => Some(AdvertiserName { advertiser: (*advertiser).to_owned() }),
    _ => None,
});
collection_parser!(
    CampaignName,
    "a campaign",
    "advertisers/acme/campaigns/spring or acme/spring",
    ["advertisers", "campaigns"],
    |parts| {
        match parts {
            [advertiser, campaign] => {
                Some(CampaignName { advertiser: (*advertiser).to_owned(), campaign: (*campaign).to_owned() })
            }
            _ => None,
        }
    }
);
collection_parser!(
    AdgroupName,
    "an adgroup",
    "advertisers/acme/campaigns/spring/adgroups/conquest or acme/spring/conquest",
    ["advertisers", "campaigns", "adgroups"],
    |parts| match parts {
        [advertiser, campaign, adgroup] => Some(AdgroupName {
            campaign: CampaignName { advertiser: (*advertiser).to_owned(), campaign: (*campaign).to_owned() },
            adgroup: (*adgroup).to_owned(),
        }),
        _ => None,
    }
);

impl SegmentName {
    /// Reads `advertisers/a/campaigns/c/segments/s`, `advertisers/a/segments/s`, `a/c/s`, or `a/s` for a shared one.
    ///
    /// # Errors
    /// `InvalidInput` naming the text and the expected form.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong =
            || unreadable(text, "a segment", "advertisers/acme/campaigns/spring/segments/actifs or acme/spring/actifs");
        let (parent, segment) = match text.rsplit_once("/segments/") {
            Some((parent, segment)) => (parent, segment),
            None => text.rsplit_once('/').ok_or_else(wrong)?,
        };
        check_slug(segment).map_err(|_| wrong())?;
        Ok(Self { parent: Parent::parse(parent).map_err(|_| wrong())?, segment: segment.to_owned() })
    }

    /// The short form `a/c/s`.
    #[must_use]
    pub fn short(&self) -> String {
        format!("{}/{}", self.parent.short(), self.segment)
    }
}

impl Parent {
    /// Reads a campaign (`a/c`) or an advertiser (`a`), in either form.
    ///
    /// # Errors
    /// `InvalidInput` naming the text and the expected form.
    pub fn parse(text: &str) -> Result<Self> {
        if let Ok(advertiser) = AdvertiserName::parse(text) {
            return Ok(Self::Advertiser(advertiser));
        }
        CampaignName::parse(text).map(Self::Campaign).map_err(|_| {
            unreadable(text, "a campaign or an advertiser", "advertisers/acme/campaigns/spring, acme/spring or acme")
        })
    }

    /// The id of the advertiser.
    #[must_use]
    pub fn advertiser(&self) -> &str {
        match self {
            Self::Advertiser(name) => &name.advertiser,
            Self::Campaign(name) => &name.advertiser,
        }
    }

    /// The short form.
    #[must_use]
    pub fn short(&self) -> String {
        match self {
            Self::Advertiser(name) => name.advertiser.clone(),
            Self::Campaign(name) => name.short(),
        }
    }
}

impl CampaignName {
    /// The short form `a/c`.
    #[must_use]
    pub fn short(&self) -> String {
        format!("{}/{}", self.advertiser, self.campaign)
    }
}

impl AdgroupName {
    /// The short form `a/c/x`.
    #[must_use]
    pub fn short(&self) -> String {
        format!("{}/{}", self.campaign.short(), self.adgroup)
    }
}

impl fmt::Display for AdvertiserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "advertisers/{}", self.advertiser)
    }
}

impl fmt::Display for CampaignName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "advertisers/{}/campaigns/{}", self.advertiser, self.campaign)
    }
}

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Advertiser(name) => name.fmt(f),
            Self::Campaign(name) => name.fmt(f),
        }
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/segments/{}", self.parent, self.segment)
    }
}

impl fmt::Display for AdgroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/adgroups/{}", self.campaign, self.adgroup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_the_same_thing() {
        for (long, short) in [("advertisers/a/campaigns/c/segments/s", "a/c/s"), ("advertisers/a/segments/s", "a/s")] {
            let name = SegmentName::parse(long).unwrap();
            assert_eq!(name, SegmentName::parse(short).unwrap());
            assert_eq!((name.to_string().as_str(), name.short().as_str()), (long, short));
        }
        assert_eq!(AdgroupName::parse("a/c/x").unwrap().to_string(), "advertisers/a/campaigns/c/adgroups/x");
        assert_eq!(CampaignName::parse("advertisers/a/campaigns/c").unwrap().short(), "a/c");
        for wrong in ["", "a", "a//s", "a/b/c/d", "advertisers/a/segment/s", "A/c/s", "a/c/s/"] {
            assert!(SegmentName::parse(wrong).is_err(), "{wrong:?} was read");
        }
    }
}
