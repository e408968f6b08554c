//! Measures what is asked over the network, through a connection forwarded from the server itself.
//!
//! Nothing is needed on the server but its `sshd`. Times include the line to the server.

use super::ExecutorError;
use crate::{
    check::{Measured, Measurements},
    transport::{Session, Tunnel},
};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};

/// Largest body that is read, in bytes.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Asks an address with HTTP, `samples` times: `status`, `body`, `time` in milliseconds.
pub async fn http(
    session: &Session,
    url: &str,
    method: &str,
    timeout_ms: u64,
    samples: u32,
) -> Result<Measurements, ExecutorError> {
    let limit = Duration::from_millis(timeout_ms);
    let mut measurements = Measurements::default();
    let mut times = Vec::new();
    for _ in 0..samples.max(1) {
        let begun = Instant::now();
        match timeout(limit, request(session, url, method)).await {
            Ok(Ok((status, body))) => {
                times.push(elapsed_ms(begun));
                measurements.insert("status".to_owned(), Measured::Int(i64::from(status)));
                measurements
                    .insert("body".to_owned(), Measured::Text(String::from_utf8_lossy(&body).into_owned()));
            }
            Ok(Err(why)) => return Ok(unknown(&["status", "body", "time"], &why)),
            Err(_) => {
                return Ok(unknown(
                    &["status", "body", "time"],
                    &format!("no answer within {timeout_ms} ms"),
                ));
            }
        }
    }
    measurements.insert("time".to_owned(), Measured::Samples(times));
    Ok(measurements)
}

/// Opens a connection `samples` times: `open`, `time` in milliseconds.
pub async fn tcp(
    session: &Session,
    host: &str,
    port: u16,
    timeout_ms: u64,
    samples: u32,
) -> Result<Measurements, ExecutorError> {
    let mut measurements = Measurements::default();
    let mut times = Vec::new();
    for _ in 0..samples.max(1) {
        let begun = Instant::now();
        match timeout(Duration::from_millis(timeout_ms), session.forward(host, port)).await {
            Ok(Ok(_)) => {
                times.push(elapsed_ms(begun));
                measurements.insert("open".to_owned(), Measured::Text("true".into()));
            }
            Ok(Err(error)) if error.is_lost() => return Err(error.into()),
            Ok(Err(_)) | Err(_) => {
                measurements.insert("open".to_owned(), Measured::Text("false".into()));
                measurements.insert("time".to_owned(), Measured::Unknown("not open".into()));
                return Ok(measurements);
            }
        }
    }
    measurements.insert("time".to_owned(), Measured::Samples(times));
    Ok(measurements)
}

/// Reads a TLS certificate: `days_left`, `subject`, `issuer`. Whether it is trusted is not asked.
pub async fn certificate(
    session: &Session,
    host: &str,
    port: u16,
    name: Option<&str>,
) -> Result<Measurements, ExecutorError> {
    let values = ["days_left", "subject", "issuer"];
    let limit = Duration::from_secs(15);
    match timeout(limit, peer_certificate(session, host, port, name.unwrap_or(host))).await {
        Ok(Ok((days_left, subject, issuer))) => {
            let mut measurements = Measurements::default();
            measurements.insert("days_left".to_owned(), Measured::Int(days_left));
            measurements.insert("subject".to_owned(), Measured::Text(subject));
            measurements.insert("issuer".to_owned(), Measured::Text(issuer));
            Ok(measurements)
        }
        Ok(Err(why)) => Ok(unknown(&values, &why)),
        Err(_) => Ok(unknown(&values, "no answer within 15 s")),
    }
}

async fn request(session: &Session, url: &str, method: &str) -> Result<(u16, Vec<u8>), String> {
    let uri: hyper::Uri = url.parse().map_err(|_| format!("`{url}` is not an address"))?;
    let host = uri.host().ok_or_else(|| format!("`{url}` names no host"))?.to_owned();
    let tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let tunnel = session.forward(&host, port).await.map_err(|error| error.to_string())?;
    if tls {
        let stream = handshake(tunnel, &host, trusted()).await?;
        exchange(TokioIo::new(stream), &uri, method).await
    } else {
        exchange(TokioIo::new(tunnel), &uri, method).await
    }
}

async fn exchange<S>(stream: TokioIo<S>, uri: &hyper::Uri, method: &str) -> Result<(u16, Vec<u8>), String>
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
    // A longer body than is read still has a status.
    Ok((status, body.map(|body| body.to_bytes().to_vec()).unwrap_or_default()))
}

async fn peer_certificate(
    session: &Session,
    host: &str,
    port: u16,
    name: &str,
) -> Result<(i64, String, String), String> {
    let tunnel = session.forward(host, port).await.map_err(|error| error.to_string())?;
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
