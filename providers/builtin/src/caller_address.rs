//! `caller_address`: by which address this machine is known outside.

use crate::http;
use crate::provider::Client;
use async_trait::async_trait;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ProviderError, Record};
use ipnet::IpNet;
use std::net::IpAddr;

/// The address by which this machine is known outside: where its calls seem to come from. It is asked for anew in every run; the variable
/// `INFRA_CALLER_ADDRESS` of the environment says it instead, for machines that do not reach who would tell.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct CallerRecord {
    /// Who tells: a URL that answers nothing but the address. By default Amazon's, which is asked by IPv4.
    #[record(optional)]
    url: Option<String>,
    /// Ranges that the address is held against.
    #[record(optional)]
    ranges: Vec<String>,
    /// The address.
    #[record(computed)]
    address: Option<String>,
    /// The range of this address alone, such as `203.0.113.7/32`.
    #[record(computed)]
    cidr: Option<String>,
    /// Whether the address is in one of `ranges`.
    #[record(computed)]
    within: Option<bool>,
    /// The address.
    #[record(computed)]
    id: Option<String>,
}

/// A service of Amazon's that answers whoever asks with their own address, as text, by IPv4.
const TELLER: &str = "https://checkip.amazonaws.com";

/// What is said beside every failure to find out.
const REMEDY: &str = "set INFRA_CALLER_ADDRESS to the address, or name the ranges that are wanted instead of the caller's, as `api = { public_from = [\"203.0.113.7/32\"] }` does for a cluster";

pub(crate) struct CallerAddress;

#[async_trait]
impl DataSource<Client> for CallerAddress {
    type Record = CallerRecord;
    const TYPE: &'static str = "caller_address";

    async fn read(
        client: &Client,
        context: &CallContext,
        config: CallerRecord,
    ) -> Result<CallerRecord, ProviderError> {
        let (told, by) = match &client.caller {
            Some(told) => (told.clone(), "INFRA_CALLER_ADDRESS"),
            None => {
                let url = config.url.as_deref().unwrap_or(TELLER);
                let told = http::text(context, url).await.map_err(|mut e| {
                    e.message = format!(
                        "the address that this machine calls from is not known: {}; {REMEDY}",
                        e.message
                    );
                    e
                })?;
                (told, url)
            }
        };
        let address: IpAddr = told.trim().parse().map_err(|_| {
            let message = format!("what {by} says is no address; {REMEDY}");
            ProviderError::invalid("url", message)
        })?;
        let mut within = false;
        for (index, range) in config.ranges.iter().enumerate() {
            let parsed: IpNet = range.parse().map_err(|_| {
                let message = format!("`{range}` is not a range of addresses");
                ProviderError::invalid(&format!("ranges[{index}]"), message)
            })?;
            within |= parsed.contains(&address);
        }
        Ok(CallerRecord {
            address: Some(address.to_string()),
            cidr: Some(IpNet::from(address).to_string()),
            within: Some(within),
            id: Some(address.to_string()),
            ..config
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    fn read(told: &str, ranges: &[&str]) -> Result<CallerRecord, ProviderError> {
        let bench = Bench::new();
        let client = Client {
            caller: Some(told.to_owned()),
            ..bench.client()
        };
        let config = CallerRecord {
            ranges: ranges.iter().map(|r| (*r).to_owned()).collect(),
            ..CallerRecord::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime
            .expect("a runtime")
            .block_on(CallerAddress::read(&client, bench.context(), config))
    }

    #[test]
    fn an_address_is_held_against_ranges() {
        let found = read("203.0.113.7\n", &["198.51.100.0/24", "203.0.113.0/24"]).expect("read");
        assert_eq!(found.cidr.as_deref(), Some("203.0.113.7/32"));
        assert_eq!(found.within, Some(true));
        let found = read("2001:db8::1", &["203.0.113.0/24"]).expect("read");
        assert_eq!(found.cidr.as_deref(), Some("2001:db8::1/128"));
        assert_eq!(found.within, Some(false));
    }

    #[test]
    fn what_is_no_address_is_said_with_the_remedy() {
        let error = read("<html>", &[]).expect_err("no address");
        assert!(error.message.contains("INFRA_CALLER_ADDRESS"), "{error}");
        let error = read("203.0.113.7", &["office"]).expect_err("no range");
        assert!(error.message.contains("`office`"), "{error}");
    }

    #[test]
    fn who_does_not_tell_is_named() {
        let bench = Bench::new();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        drop(listener);
        let config = CallerRecord {
            url: Some(url.clone()),
            ..CallerRecord::default()
        };
        let error = runtime
            .expect("a runtime")
            .block_on(CallerAddress::read(
                &bench.client(),
                bench.context(),
                config,
            ))
            .expect_err("nobody tells");
        assert!(error.message.contains(&url), "{error}");
        assert!(error.message.contains("public_from"), "{error}");
    }
}
