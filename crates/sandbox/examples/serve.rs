//! Serves a sandbox until it is killed: `serve [PORT] [WORLD-FILE] [LATENCY] [FAULTS]`. For driving it with any SDK.
#![allow(clippy::print_stdout, reason = "a program")]

use std::net::{Ipv4Addr, SocketAddr};

use infra_sandbox::{Options, Sandbox};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut options = Options::default();
    if let Some(port) = arguments.next() {
        options.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse()?));
    }
    options.world = arguments
        .next()
        .filter(|file| !file.is_empty())
        .map(Into::into);
    if let Some(latency) = arguments.next() {
        options.latency = latency.parse()?;
    }
    if let Some(faults) = arguments.next() {
        options.faults = faults.parse()?;
    }
    let sandbox = Sandbox::start(options).await?;
    for (name, value) in sandbox.environment() {
        println!("export {name}={value}");
    }
    std::future::pending::<()>().await;
    Ok(())
}
