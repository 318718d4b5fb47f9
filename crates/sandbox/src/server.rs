//! The sockets: HTTP/1.1 on loopback, handing whole requests to the core. It knows no cloud.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::core::{Cloud, Core, Outcome, request_of};
use crate::http::HttpReply;

/// Largest body taken.
const MAX_BODY: usize = 64 << 20;

/// A connection that ends without an answer, as a fault asks.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped")]
struct Dropped;

/// A listener and its accept loop.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Listener {
    /// Binds and begins to serve; stops when `stop` changes.
    pub(crate) async fn bind(
        address: SocketAddr,
        cloud: Cloud,
        core: Arc<Core>,
        stop: watch::Receiver<bool>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, cloud, core, stop));
        Ok(Self { address, task })
    }

    /// Waits for the accept loop to end.
    pub(crate) async fn finish(self) {
        // A panic in the loop has nobody left to hear of it.
        let _ = self.task.await;
    }
}

async fn accept(
    listener: TcpListener,
    cloud: Cloud,
    core: Arc<Core>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    let _ = stream.set_nodelay(true);
                    tokio::spawn(connection(stream, cloud, core.clone(), stop.clone()));
                }
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    cloud: Cloud,
    core: Arc<Core>,
    mut stop: watch::Receiver<bool>,
) {
    let service = service_fn(move |request| {
        let core = core.clone();
        async move { serve(request, cloud, &core).await }
    });
    let serving =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    tokio::select! {
        // Errors are clients that went away, and connections dropped on purpose.
        _ = &mut serving => return,
        _ = stop.changed() => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}

async fn serve(
    request: http::Request<Incoming>,
    cloud: Cloud,
    core: &Core,
) -> Result<Response<Full<Bytes>>, Dropped> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return Ok(response(HttpReply::new(
            413,
            "text/plain",
            "the body is too large",
        )));
    };
    let request = request_of(&parts, body.to_bytes().into());
    match core.answer(cloud, &request) {
        Outcome::Answer(reply, delay) => {
            if let Some(delay) = delay {
                tokio::time::sleep(Duration::from_millis(delay)).await;
            }
            Ok(response(reply))
        }
        Outcome::Drop => Err(Dropped),
    }
}

fn response(reply: HttpReply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        let pair = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(&value),
        );
        if let (Ok(name), Ok(value)) = pair {
            response.headers_mut().append(name, value);
        }
    }
    response
}
