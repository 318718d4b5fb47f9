//! `http`: what a URL answers.

use crate::provider::Client;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use infra_model::cause::innermost;
use infra_model::resource::DataSource;
use infra_model::{CallContext, ErrorKind, ProviderError, Record};
use reqwest::{Certificate, Identity, Method};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a URL answers, read anew in every run. An answer of any status is an answer: hold it against `status_code` in a postcondition.
#[derive(Clone, Debug, Default, Record)]
pub(crate) struct HttpRecord {
    /// The URL: `https://example.com/version`.
    #[record(required)]
    url: String,
    /// `GET`, `HEAD` or `POST`.
    #[record(optional, default = "GET")]
    method: String,
    /// Headers of the request.
    #[record(optional)]
    request_headers: BTreeMap<String, String>,
    /// The body of the request.
    #[record(optional)]
    request_body: Option<String>,
    /// For how many milliseconds an answer is waited for; a minute by default.
    #[record(optional)]
    request_timeout_ms: Option<i64>,
    /// Certificates of authorities to trust, as PEM.
    #[record(optional)]
    ca_cert_pem: Option<String>,
    /// The certificate to show, as PEM.
    #[record(optional)]
    client_cert_pem: Option<String>,
    /// The key of the certificate to show, as PEM.
    #[record(optional, sensitive)]
    client_key_pem: Option<String>,
    /// Whether any certificate of the server is trusted.
    #[record(optional, default = false)]
    insecure: bool,
    /// What becomes of a request that fails on the way, or with a status of 500 and above.
    #[record(block, max = 1)]
    retry: Vec<RetryRecord>,
    /// The status, such as 200.
    #[record(computed)]
    status_code: Option<i64>,
    /// Headers of the answer; several of one name are joined by `, `.
    #[record(computed)]
    response_headers: BTreeMap<String, String>,
    /// The body of the answer; what is no UTF-8 in it is replaced.
    #[record(computed)]
    response_body: Option<String>,
    /// The body of the answer as base64.
    #[record(computed)]
    response_body_base64: Option<String>,
    /// The URL.
    #[record(computed)]
    id: Option<String>,
}

/// When a request is sent again.
#[derive(Clone, Debug, Default, Record)]
struct RetryRecord {
    /// How often.
    #[record(optional)]
    attempts: Option<i64>,
    /// How long the first pause is, in milliseconds; each is twice the one before.
    #[record(optional)]
    min_delay_ms: Option<i64>,
    /// How long a pause is at most, in milliseconds.
    #[record(optional)]
    max_delay_ms: Option<i64>,
}

pub(crate) struct Http;

const TIMEOUT: Duration = Duration::from_mins(1);
/// Shortest and longest pause where nothing is said, in milliseconds.
const PAUSES: (i64, i64) = (1_000, 30_000);

fn milliseconds(of: i64) -> Duration {
    Duration::from_millis(u64::try_from(of).unwrap_or(0))
}

fn client(config: &HttpRecord) -> Result<reqwest::Client, ProviderError> {
    let wrong = |name: &str, e: &reqwest::Error| {
        ProviderError::invalid(name, format!("it cannot be read: {}", innermost(e)))
    };
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("infra/", env!("CARGO_PKG_VERSION")))
        .timeout(config.request_timeout_ms.map_or(TIMEOUT, milliseconds));
    if let Some(pem) = &config.ca_cert_pem {
        let trusted = Certificate::from_pem_bundle(pem.as_bytes());
        builder = builder.tls_certs_merge(trusted.map_err(|e| wrong("ca_cert_pem", &e))?);
    }
    match (&config.client_cert_pem, &config.client_key_pem) {
        (Some(certificate), Some(key)) => {
            let both = format!("{certificate}\n{key}");
            let identity = Identity::from_pem(both.as_bytes());
            builder = builder.identity(identity.map_err(|e| wrong("client_cert_pem", &e))?);
        }
        (None, None) => {}
        _ => {
            let message = "a certificate and its key go together";
            return Err(ProviderError::invalid("client_cert_pem", message));
        }
    }
    if config.insecure {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    builder
        .build()
        .map_err(|e| ProviderError::new(ErrorKind::Other, format!("no HTTP client: {e}")))
}

fn request(
    client: &reqwest::Client,
    config: &HttpRecord,
) -> Result<reqwest::Request, ProviderError> {
    let method = match config.method.as_str() {
        "GET" => Method::GET,
        "HEAD" => Method::HEAD,
        "POST" => Method::POST,
        other => {
            let message = format!("`{other}` is not GET, HEAD or POST");
            return Err(ProviderError::invalid("method", message));
        }
    };
    let url: reqwest::Url = config
        .url
        .parse()
        .map_err(|e| ProviderError::invalid("url", format!("`{}` is no URL: {e}", config.url)))?;
    if !["http", "https"].contains(&url.scheme()) {
        let message = format!("`{}` is neither http:// nor https://", config.url);
        return Err(ProviderError::invalid("url", message));
    }
    let mut call = client.request(method, url);
    for (name, value) in &config.request_headers {
        call = call.header(name, value);
    }
    if let Some(body) = &config.request_body {
        call = call.body(body.clone());
    }
    call.build().map_err(|e| {
        ProviderError::invalid(
            "request_headers",
            format!("they cannot be sent: {}", innermost(&e)),
        )
    })
}

/// An answer, or why there is none that counts.
async fn attempt(
    client: &reqwest::Client,
    config: &HttpRecord,
    last: bool,
) -> Result<HttpRecord, ProviderError> {
    let failed = |why: String| ProviderError::new(ErrorKind::Transient, why);
    let no_answer =
        |e: reqwest::Error| failed(format!("{} does not answer: {}", config.url, innermost(&e)));
    let request = request(client, config)?;
    let answer = client.execute(request).await.map_err(no_answer)?;
    let status = answer.status();
    if status.is_server_error() && !config.retry.is_empty() {
        let again = if last {
            ", also when it is asked again"
        } else {
            ""
        };
        return Err(failed(format!("{} answers {status}{again}", config.url)));
    }
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in answer.headers() {
        // As it is written in most places: `Content-Type`.
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(canonical(name.as_str()))
            .and_modify(|all| *all = format!("{all}, {value}"))
            .or_insert_with(|| value.into_owned());
    }
    let body = answer.bytes().await.map_err(no_answer)?;
    Ok(HttpRecord {
        status_code: Some(i64::from(status.as_u16())),
        response_headers: headers,
        response_body: Some(String::from_utf8_lossy(&body).into_owned()),
        response_body_base64: Some(STANDARD.encode(&body)),
        id: Some(config.url.clone()),
        ..config.clone()
    })
}

/// What a URL answers to a plain question, with patience for one that is busy.
///
/// # Errors
/// No answer, or none with a status of success.
pub(crate) async fn text(context: &CallContext, url: &str) -> Result<String, ProviderError> {
    let config = HttpRecord {
        url: url.to_owned(),
        method: "GET".to_owned(),
        request_timeout_ms: Some(10_000),
        retry: vec![RetryRecord {
            attempts: Some(2),
            ..RetryRecord::default()
        }],
        ..HttpRecord::default()
    };
    let answer = asked(context, config).await?;
    match (answer.status_code, answer.response_body) {
        (Some(200..=299), Some(body)) => Ok(body),
        (status, _) => Err(ProviderError::new(
            ErrorKind::Other,
            format!("{url} answers {}", status.unwrap_or_default()),
        )),
    }
}

/// `content-type` as `Content-Type`.
fn canonical(name: &str) -> String {
    let part = |part: &str| {
        let mut letters = part.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    name.split('-').map(part).collect::<Vec<_>>().join("-")
}

/// An answer that counts, asked for as often as that is wanted.
async fn asked(context: &CallContext, config: HttpRecord) -> Result<HttpRecord, ProviderError> {
    let client = client(&config)?;
    let retry = config.retry.first();
    let mut left = retry.and_then(|r| r.attempts).unwrap_or(0);
    let mut pause = retry.and_then(|r| r.min_delay_ms).unwrap_or(PAUSES.0);
    let longest = retry.and_then(|r| r.max_delay_ms).unwrap_or(PAUSES.1);
    loop {
        match attempt(&client, &config, left <= 0).await {
            Err(e) if e.kind == ErrorKind::Transient && left > 0 => {
                context.clock.sleep(milliseconds(pause.min(longest))).await;
                (left, pause) = (left - 1, pause.saturating_mul(2));
            }
            done => return done,
        }
    }
}

#[async_trait]
impl DataSource<Client> for Http {
    type Record = HttpRecord;
    const TYPE: &'static str = "http";

    async fn read(
        _: &Client,
        context: &CallContext,
        config: HttpRecord,
    ) -> Result<HttpRecord, ProviderError> {
        asked(context, config).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    /// Answers each connection with the next of these, and gives what was asked.
    fn server(answers: &'static [&'static str]) -> (String, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!(
            "http://{}/version",
            listener.local_addr().expect("an address")
        );
        let served = std::thread::spawn(move || {
            let one = |answer: &&str| {
                let (mut stream, _) = listener.accept().expect("a connection");
                let mut asked = vec![0; 4096];
                let length = stream.read(&mut asked).expect("a request");
                stream.write_all(answer.as_bytes()).expect("answered");
                String::from_utf8_lossy(&asked[..length]).into_owned()
            };
            answers.iter().map(one).collect()
        });
        (url, served)
    }

    fn read(config: HttpRecord) -> Result<HttpRecord, ProviderError> {
        let bench = Bench::new();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let client = bench.client();
        runtime
            .expect("a runtime")
            .block_on(Http::read(&client, bench.context(), config))
    }

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-a: 1\r\nx-a: 2\r\ncontent-length: 5\r\nconnection: close\r\n\r\n1.2.3";
    const BROKEN: &str =
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

    #[test]
    fn an_answer_is_read_whole() {
        let (url, served) = server(&[OK]);
        let config = HttpRecord {
            method: "POST".to_owned(),
            request_body: Some("hello".to_owned()),
            request_headers: BTreeMap::from([("Accept".to_owned(), "text/plain".to_owned())]),
            url,
            ..HttpRecord::default()
        };
        let found = read(config).expect("an answer");
        assert_eq!(found.status_code, Some(200));
        assert_eq!(found.response_body.as_deref(), Some("1.2.3"));
        assert_eq!(found.response_body_base64.as_deref(), Some("MS4yLjM="));
        assert_eq!(found.response_headers["Content-Type"], "text/plain");
        assert_eq!(found.response_headers["X-A"], "1, 2");
        let asked = served.join().expect("served").remove(0);
        assert!(asked.starts_with("POST /version HTTP/1.1\r\n"), "{asked}");
        assert!(
            asked.contains("accept: text/plain") && asked.ends_with("hello"),
            "{asked}"
        );
    }

    #[test]
    fn what_fails_is_asked_again_when_that_is_said() {
        let get = |url: String, retry: Vec<RetryRecord>| HttpRecord {
            method: "GET".to_owned(),
            url,
            retry,
            ..HttpRecord::default()
        };
        let (url, served) = server(&[BROKEN]);
        let found = read(get(url, Vec::new())).expect("an answer of any status");
        assert_eq!(found.status_code, Some(503));
        served.join().expect("served");

        let twice = || RetryRecord {
            attempts: Some(2),
            ..RetryRecord::default()
        };
        let (url, served) = server(&[BROKEN, BROKEN, OK]);
        let found = read(get(url, vec![twice()])).expect("the third answer");
        assert_eq!(found.status_code, Some(200));
        served.join().expect("served");

        let (url, served) = server(&[BROKEN, BROKEN, BROKEN]);
        let error = read(get(url, vec![twice()])).expect_err("three failures");
        assert!(
            error.message.contains("503") && error.message.contains("also when"),
            "{}",
            error.message
        );
        served.join().expect("served");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let wrong = |url: &str, method: &str, certificate: Option<&str>| {
            let config = HttpRecord {
                url: url.to_owned(),
                method: method.to_owned(),
                client_cert_pem: certificate.map(str::to_owned),
                ..HttpRecord::default()
            };
            read(config).expect_err("refused").message
        };
        assert!(wrong("example.com", "GET", None).contains("is no URL"));
        assert!(wrong("file:///etc/passwd", "GET", None).contains("neither http"));
        assert!(wrong("https://example.com", "PUT", None).contains("not GET, HEAD or POST"));
        assert!(wrong("https://example.com", "GET", Some("x")).contains("go together"));
    }
}
