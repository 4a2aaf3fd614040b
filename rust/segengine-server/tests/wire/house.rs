//! A small house to ask about: one campaign, two segments, three adgroups, two hundred people, behind a real server.

use std::sync::Arc;
use std::time::Duration;

use segengine::engine::caller::Caller;
use segengine::engine::formats::IdentifierRef;
use segengine::engine::management::{AdgroupSettings, Mutation, NewAdgroup, NewCampaign, NewName, Status, Targeting};
use segengine::engine::names::{AdvertiserName, CampaignName, Parent};
use segengine::engine::{Engine, OpenOptions};
use segengine_server::clock::SystemClock;
use segengine_server::v1;
use segengine_server::v1::admin_client::AdminClient;
use segengine_server::v1::identity_client::IdentityClient;
use segengine_server::v1::segments_client::SegmentsClient;
use segengine_server::v1::targeting_client::TargetingClient;
use segengine_server::{Failure, ServeOptions, Server, serve};
use tonic::transport::Channel;

pub(crate) const CAMPAIGN: &str = "advertisers/acme/campaigns/spring";

/// A served engine in a folder of its own.
pub(crate) struct House {
    pub(crate) server: Server,
    pub(crate) engine: Engine,
    pub(crate) channel: Channel,
    _folder: tempfile::TempDir,
}

/// Options for a test: a free port, two runtimes, little patience.
pub(crate) fn options() -> ServeOptions {
    ServeOptions { listen: "127.0.0.1:0".to_owned(), runtimes: 2, grace: Duration::from_secs(5), ..Default::default() }
}

/// An engine with the people, segments and adgroups of the house: `actifs` are network ids u0 … u99, `abonnes` are u50 …
/// u149. Adgroup 1 includes the first and excludes the second, 2 asks nothing, 3 includes u0 only.
pub(crate) fn engine() -> (tempfile::TempDir, Engine) {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(&folder.path().join("data"), OpenOptions::new(Arc::new(SystemClock))).unwrap();
    let (caller, how) = (Caller::local_admin(), Mutation::default());
    let campaign = NewCampaign { name: NewName::of("Spring"), create_parents: true, ..Default::default() };
    engine.create_campaign(&caller, &AdvertiserName::parse("acme").unwrap(), &campaign, &how).unwrap();
    let parent = Parent::parse("acme/spring").unwrap();
    let names = vec!["Actifs".to_owned(), "Abonnés".to_owned(), "Rares".to_owned()];
    let mut load = engine.begin_load(&caller, &parent, names, None).unwrap();
    for (segment, people) in [(0, 0..100), (1, 50..150), (2, 0..1)] {
        for person in people {
            let text = format!("network:u{person}");
            load.push(IdentifierRef::check_text(&text), segment, engine.now().day()).unwrap();
        }
    }
    load.finish().unwrap();
    let settings = |include: &[&str], exclude: &[&str]| AdgroupSettings {
        targeting: Targeting::Groups {
            include: include.iter().map(|name| vec![(*name).to_owned()]).collect(),
            exclude: exclude.iter().map(|name| (*name).to_owned()).collect(),
        },
        status: Status::Active,
        ..Default::default()
    };
    let adgroups = [
        ("Conquest", settings(&["actifs"], &["abonnes"])),
        ("Brand", settings(&[], &[])),
        ("Rare", settings(&["rares"], &[])),
    ];
    for (name, settings) in adgroups {
        let campaign = CampaignName::parse("acme/spring").unwrap();
        let new = NewAdgroup { name: NewName::of(name), settings };
        engine.create_adgroup(&caller, &campaign, &new, &how).unwrap();
    }
    (folder, engine)
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with(&options()).await
    }

    pub(crate) async fn with(options: &ServeOptions) -> Self {
        let (folder, engine) = engine();
        let server = serve(&engine, options).unwrap();
        let channel = connect(&server).await;
        Self { server, engine, channel, _folder: folder }
    }

    pub(crate) fn targeting(&self) -> TargetingClient<Channel> {
        TargetingClient::new(self.channel.clone())
    }

    pub(crate) fn identity(&self) -> IdentityClient<Channel> {
        IdentityClient::new(self.channel.clone())
    }

    pub(crate) fn segments(&self) -> SegmentsClient<Channel> {
        SegmentsClient::new(self.channel.clone())
    }

    pub(crate) fn admin(&self) -> AdminClient<Channel> {
        AdminClient::new(self.channel.clone())
    }
}

pub(crate) async fn connect(server: &Server) -> Channel {
    dial(&server.target()).await
}

/// A connection to `host:port`.
pub(crate) async fn dial(target: &str) -> Channel {
    Channel::from_shared(format!("http://{target}")).unwrap().connect().await.unwrap()
}

/// The network id of a person.
pub(crate) fn person(number: u32) -> v1::Identifier {
    v1::Identifier { kind: 3, value: format!("u{number}").into(), scope: String::new() }
}

/// What a refusal says: class, field, hint; and its code.
pub(crate) fn failure<T: std::fmt::Debug>(answer: Result<T, tonic::Status>) -> (Failure, tonic::Code) {
    let status = answer.unwrap_err();
    (Failure::of(&status), status.code())
}
