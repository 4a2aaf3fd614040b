//! Who asks: a role and a tenant, handed to every call of the engine and checked there.
//!
//! Credentials are the faces' business; the engine sees only the [`Caller`] they stand for. A name of another
//! advertiser is `NotFound` for a caller of one advertiser: whether it exists is none of its business.

use crate::error::{Error, ErrorKind, Result};
use crate::ids::AdvertiserNumber;
use crate::limits;

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The administrator on this machine, without credentials: everything.
    LocalAdmin,
    /// The network's administrator: everything.
    Admin,
    /// An ad server: Match over all advertisers, segment ids only.
    AdServer,
    /// Loads an advertiser's segments, links and events.
    Ingest,
    /// Explains an advertiser's answers.
    Support,
    /// Manages an advertiser's campaigns.
    Console,
}

/// Whose things a caller sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tenant {
    /// All advertisers.
    Network,
    /// One advertiser.
    Advertiser(AdvertiserNumber),
}

/// What a call is about, for the check of the role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Asks which adgroups a user may see.
    Match,
    /// Reads campaigns, segments, adgroups, counts.
    Read,
    /// Changes campaigns, segments and adgroups.
    Manage,
    /// Brings members, links and files.
    Ingest,
    /// Asks why a user matches.
    Explain,
    /// Advertisers, verification, the machine.
    Administer,
}

/// A role and a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Caller {
    /// What it may do.
    pub role: Role,
    /// Whose things it sees.
    pub tenant: Tenant,
}

impl Caller {
    /// The administrator on this machine: who calls without credentials over loopback or in process.
    #[must_use]
    pub const fn local_admin() -> Self {
        Self { role: Role::LocalAdmin, tenant: Tenant::Network }
    }

    /// Fails unless the role allows `action`.
    ///
    /// # Errors
    /// `PermissionDenied` naming role and action.
    pub fn check(&self, action: Action) -> Result<()> {
        let allowed = match self.role {
            Role::LocalAdmin | Role::Admin => true,
            Role::AdServer => action == Action::Match,
            Role::Ingest => matches!(action, Action::Read | Action::Ingest),
            Role::Support => matches!(action, Action::Read | Action::Explain),
            Role::Console => {
                matches!(action, Action::Match | Action::Read | Action::Manage | Action::Ingest | Action::Explain)
            }
        };
        if allowed {
            return Ok(());
        }
        let message = format!("the role {:?} does not allow the action {action:?}", self.role);
        Err(Error::new(ErrorKind::PermissionDenied, message).hint("use a credential with another role"))
    }

    /// Whether things of `advertiser` exist for this caller.
    #[must_use]
    pub fn sees(&self, advertiser: AdvertiserNumber) -> bool {
        match self.tenant {
            Tenant::Network => true,
            Tenant::Advertiser(own) => own == advertiser,
        }
    }

    /// Whether a count must be shown only as small: a key of an advertiser, below the minimum.
    #[must_use]
    pub fn must_hide(&self, profiles: u64) -> bool {
        self.tenant != Tenant::Network && profiles < limits::MINIMUM_SHOWN_PROFILES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_allow_what_the_table_says() {
        let table = [
            (Role::LocalAdmin, [true; 6]),
            (Role::Admin, [true; 6]),
            (Role::AdServer, [true, false, false, false, false, false]),
            (Role::Ingest, [false, true, false, true, false, false]),
            (Role::Support, [false, true, false, false, true, false]),
            (Role::Console, [true, true, true, true, true, false]),
        ];
        let actions =
            [Action::Match, Action::Read, Action::Manage, Action::Ingest, Action::Explain, Action::Administer];
        for (role, expected) in table {
            let caller = Caller { role, tenant: Tenant::Network };
            assert_eq!(actions.map(|action| caller.check(action).is_ok()), expected, "{role:?}");
        }
        let one = Caller { role: Role::Console, tenant: Tenant::Advertiser(AdvertiserNumber(1)) };
        assert!(one.sees(AdvertiserNumber(1)) && !one.sees(AdvertiserNumber(2)));
        assert!(one.must_hide(49) && !one.must_hide(50) && !Caller::local_admin().must_hide(1));
    }
}
