//! The cluster that is always there, of no cloud: three nodes, and load balancers at documentation addresses.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::clusters::{Address, Exposed, Found, Machine, Pushed, Source};
use super::version;
use crate::core::Frame;

/// The cluster with no cloud.
#[derive(Debug)]
pub(super) struct Local;

impl Source for Local {
    fn clusters(&self, _: &Frame<'_>) -> Vec<Found> {
        vec![Found {
            cloud: "local",
            location: "local".to_owned(),
            name: "local".to_owned(),
            uid: "local".to_owned(),
            version: version::NEWEST.to_owned(),
            ready: true,
            since: 0,
        }]
    }

    fn machines(&self, _: &Frame<'_>, _: &Found) -> Vec<Machine> {
        (1..=3u8)
            .map(|index| Machine {
                name: format!("node-{index}"),
                provider_id: format!("local://node-{index}"),
                address: format!("192.0.2.{index}"),
                zone: format!("zone-{index}"),
                region: "local".to_owned(),
                machine_type: "sandbox".to_owned(),
                labels: BTreeMap::new(),
                taints: Vec::new(),
                size: (8000, 32 << 10),
                max_pods: 110,
            })
            .collect()
    }

    fn expose<'a>(
        &self,
        frame: Frame<'a>,
        _: &Found,
        service: &Exposed,
    ) -> (Frame<'a>, Result<Address, String>) {
        let address = match &service.address {
            Some(address) => address.clone(),
            None => {
                let digest = Sha256::digest(service.uid.as_bytes());
                format!("203.0.113.{}", digest[0].max(1))
            }
        };
        (frame, Ok(Address::Ip(address)))
    }

    fn withdraw<'a>(&self, frame: Frame<'a>, _: &Found, _: &Exposed) -> Frame<'a> {
        frame
    }

    fn push<'a>(&self, frame: Frame<'a>, _: &Pushed) -> (Frame<'a>, Result<(), String>) {
        (frame, Err("there is no secret manager".to_owned()))
    }
}
