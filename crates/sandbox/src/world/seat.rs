//! Where the clouds' APIs are served: clusters and vaults tell their addresses, so that a port stays from run to run.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Document, Scope, Tx, World};
use crate::clock::Millis;
use crate::core::Cloud;
use crate::journal::JournalError;

/// Where an API was served.
#[derive(Debug, Serialize, Deserialize)]
struct Seat {
    name: String,
    port: u16,
}

impl Document for Seat {
    const KIND: &'static str = "sandbox.seat";
    const SCOPE: Scope = Scope::Global;

    fn id(&self) -> &str {
        &self.name
    }
}

impl World {
    /// The port on which a cloud was served last.
    pub(crate) fn usual_port(&self, cloud: Cloud) -> Option<u16> {
        let entry = self.table::<Seat>("")?.get(cloud.name())?;
        Some(entry.typed::<Seat>().port)
    }

    /// Says where a cloud is served.
    ///
    /// # Errors
    /// The world file cannot be written.
    pub(crate) fn served(
        &mut self,
        now: Millis,
        cloud: Cloud,
        address: SocketAddr,
    ) -> Result<(), JournalError> {
        if cloud == Cloud::Kubernetes {
            self.kubernetes_authority = address.to_string();
        }
        let (name, port) = (cloud.name().to_owned(), address.port());
        let mut tx = self.begin(now);
        if tx
            .get::<Seat>("", &name)
            .is_none_or(|seat| seat.port != port)
        {
            tx.put("", Seat { name, port }, None);
        }
        tx.commit()
    }
}

impl Tx<'_> {
    /// Host and port of the Kubernetes API; without ports, as in tests of one service, some address.
    pub(crate) fn kubernetes_authority(&self) -> &str {
        match self.world.kubernetes_authority.as_str() {
            "" => "127.0.0.1:4703",
            authority => authority,
        }
    }
}
