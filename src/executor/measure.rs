//! Measures what is asked over the network, through a connection forwarded from the server itself.
//!
//! Nothing is needed on the server but its `sshd`. Times include the line to the server.

use super::ExecutorError;
use crate::{
    check::{Measured, Measurements},
    model::{RunAs, Script},
    transport::{Frame, Session, TransportError, Tunnel},
};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use std::{future::Future, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};

/// Largest body that is read, in bytes.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Longest wait for a certificate.
const CERTIFICATE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the line may take to say that it is there.
const ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Most bytes of different bodies that are kept of one question.
const BODIES_BYTES_MAX: usize = 64 << 20;

/// Why something was not measured.
enum Fault {
    /// The connection to the server, or what it forwards.
    Line(TransportError),
    /// What answered, in words.
    Words(String),
}

impl From<TransportError> for Fault {
    fn from(error: TransportError) -> Self {
        Self::Line(error)
    }
}

impl From<String> for Fault {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

impl From<&str> for Fault {
    fn from(words: &str) -> Self {
        Self::Words(words.to_owned())
    }
}

/// Waits for an exchange through the session. Silence and a broken exchange may be the system's or the
/// line's, so the line is asked before anything is said of the system.
async fn within<T>(
    session: &Session,
    limit: Duration,
    exchange: impl Future<Output = Result<T, Fault>>,
) -> Result<Result<T, String>, ExecutorError> {
    let why = match timeout(limit, exchange).await {
        Ok(Ok(value)) => return Ok(Ok(value)),
        Ok(Err(Fault::Line(error))) if error.is_lost() => return Err(error.into()),
        Ok(Err(Fault::Line(error))) => error.to_string(),
        Ok(Err(Fault::Words(words))) => words,
        Err(_) => format!("no answer within {} ms", limit.as_millis()),
    };
    alive(session).await?;
    Ok(Err(why))
}

/// Refuses a line that is gone.
async fn alive(session: &Session) -> Result<(), ExecutorError> {
    let nothing = Frame::ask(RunAs::Login, Script::new(":")).timeout(ALIVE_TIMEOUT);
    match session.run(vec![nothing]).await {
        Err(error) if error.is_lost() => Err(error.into()),
        _ => Ok(()),
    }
}

/// Asks an address with HTTP, `samples` times: `status`, `body`, `time` in milliseconds. What was
/// answered differently is kept as it was each time.
pub async fn http(
    session: &Session,
    url: &str,
    method: &str,
    timeout_ms: u64,
    samples: u32,
) -> Result<Measurements, ExecutorError> {
    let limit = Duration::from_millis(timeout_ms);
    let (mut times, mut statuses, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
    let mut room = BODIES_BYTES_MAX;
    for _ in 0..samples.max(1) {
        let begun = Instant::now();
        let (status, body) = match within(session, limit, request(session, url, method)).await? {
            Ok(answer) => answer,
            Err(why) => return Ok(unknown(&["status", "body", "time"], &why)),
        };
        times.push(elapsed_ms(begun));
        statuses.push(Measured::Int(i64::from(status)));
        if !bodies.contains(&body) {
            room = room.saturating_sub(match &body {
                Measured::Text(text) => text.len(),
                _ => 0,
            });
            bodies.push(match room {
                0 => Measured::Unknown("the bodies are too long to keep all of them".to_owned()),
                _ => body,
            });
        }
    }
    Ok(Measurements::from([
        ("status".to_owned(), Measured::each(statuses)),
        ("body".to_owned(), Measured::each(bodies)),
        ("time".to_owned(), Measured::Samples(times)),
    ]))
}

/// Opens a connection `samples` times: `open`, `time` in milliseconds.
pub async fn tcp(
    session: &Session,
    host: &str,
    port: u16,
    timeout_ms: u64,
    samples: u32,
) -> Result<Measurements, ExecutorError> {
    let mut times = Vec::new();
    for _ in 0..samples.max(1) {
        let begun = Instant::now();
        match timeout(Duration::from_millis(timeout_ms), session.forward(host, port)).await {
            Ok(Ok(_)) => times.push(elapsed_ms(begun)),
            Ok(Err(error)) if error.is_lost() => return Err(error.into()),
            // The server did not try: nothing is known of the port.
            Ok(Err(error @ TransportError::Forward { forbidden: true, .. })) => {
                return Ok(unknown(&["open", "time"], &error.to_string()));
            }
            Ok(Err(_)) | Err(_) => {
                alive(session).await?;
                let mut measurements = unknown(&["time"], "not open");
                measurements.insert("open".to_owned(), Measured::truth(false));
                return Ok(measurements);
            }
        }
    }
    Ok(Measurements::from([
        ("open".to_owned(), Measured::truth(true)),
        ("time".to_owned(), Measured::Samples(times)),
    ]))
}

/// Reads a TLS certificate: `days_left`, `subject`, `issuer`. Whether it is trusted is not asked.
pub async fn certificate(
    session: &Session,
    host: &str,
    port: u16,
    name: Option<&str>,
) -> Result<Measurements, ExecutorError> {
    let shown = peer_certificate(session, host, port, name.unwrap_or(host));
    Ok(match within(session, CERTIFICATE_TIMEOUT, shown).await? {
        Ok((days_left, subject, issuer)) => Measurements::from([
            ("days_left".to_owned(), Measured::Int(days_left)),
            ("subject".to_owned(), Measured::Text(subject)),
            ("issuer".to_owned(), Measured::Text(issuer)),
        ]),
        Err(why) => unknown(&["days_left", "subject", "issuer"], &why),
    })
}

async fn request(session: &Session, url: &str, method: &str) -> Result<(u16, Measured), Fault> {
    let uri: hyper::Uri = url.parse().map_err(|_| format!("`{url}` is not an address"))?;
    let host = uri.host().ok_or_else(|| format!("`{url}` names no host"))?.to_owned();
    let tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let tunnel = session.forward(&host, port).await?;
    if tls {
        let stream = handshake(tunnel, &host, trusted()).await?;
        exchange(TokioIo::new(stream), &uri, method).await
    } else {
        exchange(TokioIo::new(tunnel), &uri, method).await
    }
}

async fn exchange<S>(stream: TokioIo<S>, uri: &hyper::Uri, method: &str) -> Result<(u16, Measured), Fault>
where
    TokioIo<S>: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(stream).await.map_err(|error| error.to_string())?;
    let driving = tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = hyper::Request::builder()
        .method(method)
        .uri(path)
        .header("host", uri.authority().map_or("", |authority| authority.as_str()))
        .header("user-agent", concat!("esclusa/", env!("CARGO_PKG_VERSION")))
        .header("connection", "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
    driving.abort();
    // A body that cannot be read, or is longer than is read, still has a status.
    let body = match body {
        Ok(body) => Measured::Text(String::from_utf8_lossy(&body.to_bytes()).into_owned()),
        Err(error) => Measured::Unknown(format!("the body cannot be read: {error}")),
    };
    Ok((status, body))
}

async fn peer_certificate(
    session: &Session,
    host: &str,
    port: u16,
    name: &str,
) -> Result<(i64, String, String), Fault> {
    let tunnel = session.forward(host, port).await?;
    let stream = handshake(tunnel, name, reading_only()?).await?;
    let (_, connection) = stream.get_ref();
    let der =
        connection.peer_certificates().and_then(|chain| chain.first()).ok_or("no certificate was shown")?;
    let (_, parsed) =
        x509_parser::parse_x509_certificate(der).map_err(|_| "the certificate cannot be read")?;
    let left = parsed.validity().time_to_expiration().map_or(-1, |left| left.whole_days());
    Ok((left, parsed.subject().to_string(), parsed.issuer().to_string()))
}

async fn handshake(
    tunnel: Tunnel,
    name: &str,
    config: Arc<rustls::ClientConfig>,
) -> Result<tokio_rustls::client::TlsStream<Tunnel>, String> {
    let name = rustls::pki_types::ServerName::try_from(name.to_owned())
        .map_err(|_| format!("`{name}` is no host name"))?;
    tokio_rustls::TlsConnector::from(config).connect(name, tunnel).await.map_err(|error| error.to_string())
}

fn trusted() -> Arc<rustls::ClientConfig> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    match builder {
        Ok(builder) => Arc::new(builder.with_root_certificates(roots).with_no_client_auth()),
        // ring supports the default versions; without them nothing is trusted.
        Err(_) => Arc::new(
            rustls::ClientConfig::builder()
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth(),
        ),
    }
}

/// A configuration that reads a certificate whoever signed it; nothing is ever sent over it.
fn reading_only() -> Result<Arc<rustls::ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct AnyCertificate(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn unknown(values: &[&str], why: &str) -> Measurements {
    let mut measurements = Measurements::default();
    for value in values {
        measurements.insert((*value).to_owned(), Measured::Unknown(why.to_owned()));
    }
    measurements
}

fn elapsed_ms(begun: Instant) -> i64 {
    i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
