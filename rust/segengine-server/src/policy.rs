//! Who may call which method: read from the descriptors at start, checked for every call.
//!
//! Each method declares its roles and its tenant rule in the protos. A method without one stops the start, so no method
//! can be served before somebody decided this. A call becomes a [`Caller`] here and nowhere else; every service takes it
//! from the request's extensions. Until credentials exist the only caller is the local administrator.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use segengine::engine::caller::{Caller, Role, Tenant};
use segengine::{Error, ErrorKind, limits};
use tonic::transport::server::{TcpConnectInfo, UdsConnectInfo};

use crate::times::Timed;
use crate::v1;

/// The part of a descriptor set that policies are read from: prost's own types drop the option, which is an extension.
mod wire {
    use crate::v1::MethodPolicy;

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct FileSet {
        #[prost(message, repeated, tag = "1")]
        pub(super) files: Vec<File>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct File {
        #[prost(string, tag = "2")]
        pub(super) package: String,
        #[prost(message, repeated, tag = "6")]
        pub(super) services: Vec<Service>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Service {
        #[prost(string, tag = "1")]
        pub(super) name: String,
        #[prost(message, repeated, tag = "2")]
        pub(super) methods: Vec<Method>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Method {
        #[prost(string, tag = "1")]
        pub(super) name: String,
        #[prost(message, optional, tag = "4")]
        pub(super) options: Option<Options>,
        #[prost(bool, tag = "5")]
        pub(super) client_streaming: bool,
        #[prost(bool, tag = "6")]
        pub(super) server_streaming: bool,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Options {
        #[prost(message, optional, tag = "51001")]
        pub(super) policy: Option<MethodPolicy>,
    }
}

/// The package whose methods need a policy.
const PACKAGE: &str = "segengine.v1";
/// Longest time for an answer to an impression.
const MATCH_TIME: Duration = Duration::from_secs(limits::MATCH_SECONDS);
/// Longest time for any other answer to one message.
const CALL_TIME: Duration = Duration::from_secs(limits::CALL_SECONDS);
/// Longest time for a call that takes or gives a stream.
pub(crate) const STREAM_TIME: Duration = Duration::from_secs(limits::UPLOAD_SECONDS);

/// What holds for one method.
#[derive(Debug, Clone)]
pub struct Rule {
    roles: Vec<v1::Role>,
    tenant: v1::TenantRule,
    /// Whether each call is to be audited.
    pub audited: bool,
    /// Whether the answer is a stream.
    pub answers_stream: bool,
    /// The longest time that the handler may take, whatever the caller allows.
    pub time: Duration,
    /// How its calls are counted, if they are.
    pub(crate) timed: Option<Timed>,
}

/// The rules of all methods, by path (`/segengine.v1.Targeting/Match`).
#[derive(Debug, Clone)]
pub struct Policies {
    rules: Arc<HashMap<String, Rule>>,
    services: Arc<Vec<String>>,
}

impl Policies {
    /// Reads the rules from an encoded descriptor set.
    ///
    /// # Errors
    /// `Internal` naming the method that has no rule, or one that allows nobody.
    pub fn read(descriptors: &[u8]) -> segengine::Result<Self> {
        let set = wire::FileSet::decode(descriptors)
            .map_err(|error| Error::internal(format!("the descriptors cannot be read: {error}")))?;
        let (mut rules, mut services) = (HashMap::new(), Vec::new());
        for file in set.files.iter().filter(|file| file.package == PACKAGE) {
            for service in &file.services {
                services.push(format!("{PACKAGE}.{}", service.name));
                for method in &service.methods {
                    let path = format!("/{PACKAGE}.{}/{}", service.name, method.name);
                    let rule = rule_of(&path, method)?;
                    rules.insert(path, rule);
                }
            }
        }
        services.sort();
        Ok(Self { rules: Arc::new(rules), services: Arc::new(services) })
    }

    /// The rule of a method; nothing for the standard services (health, reflection) and for methods that do not exist.
    #[must_use]
    pub fn rule(&self, path: &str) -> Option<&Rule> {
        self.rules.get(path)
    }

    /// The services that have rules.
    #[must_use]
    pub fn services(&self) -> &[String] {
        &self.services
    }

    /// The paths of all methods that have rules.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.rules.keys().map(String::as_str)
    }
}

fn rule_of(path: &str, method: &wire::Method) -> segengine::Result<Rule> {
    let policy = method.options.as_ref().and_then(|options| options.policy.as_ref());
    let lacks =
        |what: &str| Error::internal(format!("{path}: the method {what}")).hint("declare its policy in the proto");
    let policy = policy.ok_or_else(|| lacks("has no policy"))?;
    let roles: Vec<v1::Role> = policy.roles().collect();
    if roles.is_empty() || roles.contains(&v1::Role::Unspecified) {
        return Err(lacks("names no role that may call it"));
    }
    if policy.tenant() == v1::TenantRule::Unspecified {
        return Err(lacks("has no tenant rule"));
    }
    let time = match (method.client_streaming || method.server_streaming, path) {
        (true, _) => STREAM_TIME,
        (_, "/segengine.v1.Targeting/Match") => MATCH_TIME,
        _ => CALL_TIME,
    };
    let answers_stream = method.server_streaming;
    let timed = Timed::of(path);
    Ok(Rule { roles, tenant: policy.tenant(), audited: policy.audited, answers_stream, time, timed })
}

impl Rule {
    /// Fails unless this caller may call the method at all; what it sees is the engine's check.
    ///
    /// # Errors
    /// `PermissionDenied`.
    pub fn check(&self, caller: &Caller) -> segengine::Result<()> {
        let role = match caller.role {
            Role::LocalAdmin => return Ok(()),
            Role::Admin => v1::Role::Admin,
            Role::AdServer => v1::Role::Adserver,
            Role::Ingest => v1::Role::Ingest,
            Role::Support => v1::Role::Support,
            Role::Console => v1::Role::Console,
        };
        let denied = |why: String| Error::new(ErrorKind::PermissionDenied, why).hint("use another credential");
        if !self.roles.contains(&role) {
            return Err(denied(format!("the role {} may not call this method", role.as_str_name())));
        }
        if self.tenant == v1::TenantRule::Network && caller.tenant != Tenant::Network {
            return Err(denied("this method is for credentials of the network".to_owned()));
        }
        Ok(())
    }
}

/// The way by which calls come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// A socket of the server.
    Socket,
    /// A call within the process.
    InProcess,
}

impl Door {
    /// Who calls. Without credentials that is the local administrator, through a loopback address, a unix socket (whose
    /// file mode says who may) or in process, and nobody else.
    ///
    /// # Errors
    /// `Unauthenticated` for a peer that is not on this machine.
    pub fn caller(self, extensions: &http::Extensions) -> segengine::Result<Caller> {
        let local = match self {
            Self::InProcess => true,
            Self::Socket => {
                let tcp = extensions.get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr);
                tcp.is_some_and(|peer| peer.ip().to_canonical().is_loopback())
                    || extensions.get::<UdsConnectInfo>().is_some()
            }
        };
        if local {
            return Ok(Caller::local_admin());
        }
        let message = "a caller without a credential must be on this machine";
        Err(Error::new(ErrorKind::Unauthenticated, message).hint("call over loopback; there are no credentials yet"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_api_has_a_rule() {
        let policies = Policies::read(v1::FILE_DESCRIPTOR_SET).unwrap();
        assert_eq!(policies.services().len(), 5);
        assert!(policies.methods().count() >= 45, "{}", policies.methods().count());
        assert!(policies.rule("/segengine.v1.Targeting/Match").is_some());
        assert!(policies.rule("/segengine.v1.Targeting/Guess").is_none());
    }

    #[test]
    fn a_method_that_lost_its_policy_stops_the_start() {
        let mut set = wire::FileSet::decode(v1::FILE_DESCRIPTOR_SET).unwrap();
        let file = set.files.iter_mut().find(|file| !file.services.is_empty()).unwrap();
        file.services[0].methods[0].options = None;
        let error = Policies::read(&set.encode_to_vec()).unwrap_err();
        assert!(error.message().ends_with("the method has no policy"), "{error}");
    }

    #[test]
    fn roles_and_tenants_are_held_to_the_rule() {
        let policies = Policies::read(v1::FILE_DESCRIPTOR_SET).unwrap();
        let matching = policies.rule("/segengine.v1.Targeting/Match").unwrap();
        let info = policies.rule("/segengine.v1.Admin/GetInfo").unwrap();
        let one = Tenant::Advertiser(segengine::ids::AdvertiserNumber(1));
        let cases = [
            (Role::LocalAdmin, Tenant::Network, true, true),
            (Role::Admin, Tenant::Network, true, true),
            (Role::Admin, one, true, false),
            (Role::AdServer, Tenant::Network, true, false),
            (Role::Ingest, one, false, false),
            (Role::Console, one, true, false),
        ];
        for (role, tenant, may_match, may_inform) in cases {
            let caller = Caller { role, tenant };
            assert_eq!(matching.check(&caller).is_ok(), may_match, "{role:?} {tenant:?} Match");
            assert_eq!(info.check(&caller).is_ok(), may_inform, "{role:?} {tenant:?} GetInfo");
        }
    }

    #[test]
    fn a_peer_elsewhere_is_nobody() {
        let mut extensions = http::Extensions::new();
        assert!(Door::Socket.caller(&extensions).is_err(), "an unknown peer");
        for (peer, known) in
            [("127.0.0.1:9", true), ("[::1]:9", true), ("[::ffff:127.0.0.1]:9", true), ("192.0.2.1:9", false)]
        {
            extensions.insert(TcpConnectInfo { local_addr: None, remote_addr: peer.parse().ok() });
            assert_eq!(Door::Socket.caller(&extensions).is_ok(), known, "{peer}");
        }
        assert!(Door::InProcess.caller(&http::Extensions::new()).is_ok());
    }
}
