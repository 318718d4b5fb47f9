//! The simulated resource types: each stands for a way in which real clouds let a lost creation be found again.

use infra_model::schema::{ApiFamily, ProviderSchema, Schema, Traits};
use infra_model::{Record, Str};
use std::sync::Arc;
use std::time::Duration;

/// A simulated resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Record)]
pub struct Thing {
    /// Its name; for types known by their name, the only one of that name.
    #[record(required, force_new)]
    pub name: String,
    /// Where it stands.
    #[record(optional, force_new)]
    pub zone: Option<String>,
    /// How large it is.
    #[record(optional, default = 1)]
    pub size: i64,
    /// Text that may come from other resources.
    #[record(optional)]
    pub note: Option<String>,
    /// Never shown.
    #[record(optional, sensitive)]
    pub secret: Option<String>,
    /// Ids of what it stands on: they cannot be deleted before it.
    #[record(optional, force_new)]
    pub parents: Option<Vec<String>>,
    /// The same, but can be changed in place.
    #[record(optional)]
    pub links: Option<Vec<String>>,
    /// The cloud's id.
    #[record(computed)]
    pub id: Option<String>,
    /// Goes up with every change.
    #[record(computed)]
    pub revision: Option<i64>,
}

impl Thing {
    /// The ids of everything that it needs.
    pub fn needs(&self) -> impl Iterator<Item = &String> {
        self.parents.iter().chain(&self.links).flatten()
    }

    /// The id of what has no id but its place.
    #[must_use]
    pub fn place(&self) -> String {
        let parent = self.parents.iter().flatten().next();
        format!("{}/{}", parent.map_or("", String::as_str), self.name)
    }
}

/// The provider's configuration.
#[derive(Clone, Debug, Default, Record)]
pub struct Config {
    /// Where everything is.
    #[record(optional)]
    pub region: Option<String>,
}

/// A secret that lives in the state alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Record)]
pub struct Secret {
    /// A change makes a new secret.
    #[record(optional, force_new)]
    pub keeper: Option<i64>,
    /// Never shown.
    #[record(computed, sensitive)]
    pub result: Option<String>,
    /// Its own id.
    #[record(computed)]
    pub id: Option<String>,
}

/// How what an interrupted creation made is found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The create call takes a token: sent again, it returns what it made the first time. Tags besides.
    Token,
    /// By the tags that the create call sets; sent twice, it makes two.
    Tags,
    /// By its name, which is its id. Tags tell own from foreign.
    Name,
    /// By its first parent and its name; it has no tags.
    Key,
}

/// A simulated type.
#[derive(Debug)]
pub struct Kind {
    /// `sim_server`
    pub type_name: &'static str,
    /// How it is found again.
    pub identity: Identity,
    /// Until it is there, in milliseconds; 0 when the create call returns with it there.
    pub create: i64,
    /// Until it is gone.
    pub delete: i64,
    /// Size, note, secret and links are set by a second call, which can fail for itself.
    pub two_calls: bool,
}

/// The type of [`Secret`].
pub const SECRET: &str = "sim_secret";

/// Reads may be this many milliseconds old.
pub const LAG: i64 = 3_000;
/// A call whose sender is gone arrives within so many milliseconds.
pub const FLIGHT: i64 = 2_000;
/// The settle time of every type.
pub const SETTLE: Duration = Duration::from_millis((LAG + FLIGHT + 500) as u64);

/// All types with objects in the cloud. Those before [`Kind`]s known by name or key may be created before they are deleted.
pub const KINDS: &[Kind] = &[
    Kind {
        type_name: "sim_network",
        identity: Identity::Tags,
        create: 0,
        delete: 0,
        two_calls: false,
    },
    Kind {
        type_name: "sim_server",
        identity: Identity::Token,
        create: 20_000,
        delete: 5_000,
        two_calls: false,
    },
    Kind {
        type_name: "sim_volume",
        identity: Identity::Tags,
        create: 4_000,
        delete: 0,
        two_calls: true,
    },
    Kind {
        type_name: "sim_cluster",
        identity: Identity::Token,
        create: 120_000,
        delete: 40_000,
        two_calls: true,
    },
    Kind {
        type_name: "sim_bucket",
        identity: Identity::Name,
        create: 0,
        delete: 0,
        two_calls: true,
    },
    Kind {
        type_name: "sim_rule",
        identity: Identity::Key,
        create: 0,
        delete: 0,
        two_calls: false,
    },
];

/// The index of a type.
#[must_use]
pub fn kind_of(type_name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|k| k.type_name == type_name)
}

/// What the provider offers.
pub(super) fn schema() -> ProviderSchema {
    let mut schema = ProviderSchema {
        config: Config::block(),
        ..ProviderSchema::default()
    };
    for kind in KINDS {
        let millis = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or_default() + 200);
        let traits = Traits {
            create: millis(kind.create),
            delete: millis(kind.delete),
            settle: SETTLE,
            family: "sim",
            unique: match kind.identity {
                Identity::Name => &["name"],
                _ => &["id"],
            },
            ..Traits::default()
        };
        let one = Schema::new(kind.type_name, 0, Thing::doc(), Thing::block(), traits);
        schema
            .resources
            .insert(Str::from(kind.type_name), Arc::new(one));
    }
    let secret = Schema::new(
        SECRET,
        0,
        Secret::doc(),
        Secret::block(),
        Traits::state_only(),
    );
    schema.resources.insert(SECRET.into(), Arc::new(secret));
    schema.families.push(ApiFamily {
        name: "sim",
        concurrent: 6,
        burst: 30.0,
        per_second: 10.0,
    });
    schema
}
