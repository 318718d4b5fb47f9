//! The sockets: HTTP/1.1 on loopback, handing whole requests to the core. It knows no cloud.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::core::{Cloud, Core, Outcome, lock, request_of};
use crate::http::HttpReply;
use crate::kubernetes::tls;
use crate::stream::{Answer, follow};

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
        let secure = (cloud == Cloud::Kubernetes).then(|| {
            let world = lock(&core.world).identity();
            tls::acceptor(world)
        });
        let task = tokio::spawn(accept(listener, cloud, secure, core, stop));
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
    secure: Option<TlsAcceptor>,
    core: Arc<Core>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    let _ = stream.set_nodelay(true);
                    tokio::spawn(sniff(stream, cloud, secure.clone(), core.clone(), stop.clone()));
                }
            }
        }
    }
}

/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;

/// Serves TLS where the client begins it, plain HTTP otherwise.
async fn sniff(
    stream: TcpStream,
    cloud: Cloud,
    secure: Option<TlsAcceptor>,
    core: Arc<Core>,
    stop: watch::Receiver<bool>,
) {
    let mut first = [0];
    let Some(secure) = secure else {
        return connection(stream, cloud, core, stop).await;
    };
    match stream.peek(&mut first).await {
        Ok(1) if first[0] == HANDSHAKE => {
            // Who does not trust the certificate goes away.
            if let Ok(stream) = secure.accept(stream).await {
                connection(stream, cloud, core, stop).await;
            }
        }
        Ok(_) => connection(stream, cloud, core, stop).await,
        Err(_) => {}
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    cloud: Cloud,
    core: Arc<Core>,
    mut stop: watch::Receiver<bool>,
) {
    let stopped = stop.clone();
    let service = service_fn(move |request| {
        let (core, stopped) = (core.clone(), stopped.clone());
        async move { serve(request, cloud, &core, stopped).await }
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
    core: &Arc<Core>,
    stop: watch::Receiver<bool>,
) -> Result<Response<Answer>, Dropped> {
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
            let watch = reply.watch.clone();
            let mut response = response(reply);
            if let Some(watch) = watch {
                *response.body_mut() = follow(core.clone(), &watch, stop);
            }
            Ok(response)
        }
        Outcome::Drop => Err(Dropped),
    }
}

fn response(reply: HttpReply) -> Response<Answer> {
    let mut response = Response::new(Answer::whole(Bytes::from(reply.body)));
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
