//! A person who uses the notes with a browser, as it were: HTTP to a service on this machine.

use super::DemoError;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, body::Bytes};
use hyper_util::rt::TokioIo;
use std::time::Duration;

/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads a page of the service at `port`.
pub async fn read(port: u16, path: &str) -> Result<String, DemoError> {
    ask(port, "GET", path, "").await
}

/// Sends something to the service at `port`.
pub async fn send(port: u16, path: &str, body: &str) -> Result<String, DemoError> {
    ask(port, "POST", path, body).await
}

async fn ask(port: u16, method: &str, path: &str, body: &str) -> Result<String, DemoError> {
    let failed = |why: String| DemoError::data(format!("the notes at port {port} do not answer: {why}"));
    match tokio::time::timeout(PATIENCE, exchange(port, method, path, body)).await {
        Ok(Ok((200, text))) => Ok(text),
        Ok(Ok((status, text))) => Err(failed(format!("{status} {}", text.trim()))),
        Ok(Err(why)) => Err(failed(why)),
        Err(_) => Err(failed("it takes too long".to_owned())),
    }
}

async fn exchange(port: u16, method: &str, path: &str, body: &str) -> Result<(u16, String), String> {
    let words = |error: &dyn std::error::Error| error.to_string();
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.map_err(|e| words(&e))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| words(&e))?;
    let driving = tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "127.0.0.1")
        .body(Full::new(Bytes::from(body.to_owned())))
        .map_err(|e| words(&e))?;
    let response = sender.send_request(request).await.map_err(|e| words(&e))?;
    let status = response.status().as_u16();
    let body =
        Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(|e| e.to_string())?;
    driving.abort();
    Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
}
