//! How callbacks go out: each worker has a connection of its own and keeps it open.
//!
//! A client with a pool shared by all of them takes as much time again as the exchange itself.

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderName, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::{Host, Position, Url};

/// How many connections a worker keeps: there is one webhook, and now and then the URL of a batch.
const KEPT: usize = 4;

/// There was no response: no connection, a broken one, or time was over.
#[derive(Debug)]
pub(crate) struct NoResponse;

/// A client of one worker.
#[derive(Default)]
pub(crate) struct CallbackClient {
    /// Open connections by authority.
    kept: HashMap<String, Connection>,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Pin<Box<http1::Connection<TokioIo<TcpStream>, Full<Bytes>>>>,
}

/// A request ended without a response. The request, if nothing of it has left.
struct Broken(Option<Box<Request<Full<Bytes>>>>);

impl CallbackClient {
    /// Posts a body, and reads the response to its end. Redirects are not followed.
    pub(crate) async fn post(
        &mut self,
        url: &Url,
        headers: &[(HeaderName, String)],
        body: Vec<u8>,
        limit: Duration,
    ) -> Result<StatusCode, NoResponse> {
        let request = request(url, headers, body)?;
        tokio::time::timeout(limit, self.exchange(url, request)).await.unwrap_or(Err(NoResponse))
    }

    async fn exchange(&mut self, url: &Url, mut request: Request<Full<Bytes>>) -> Result<StatusCode, NoResponse> {
        let authority = &url[Position::BeforeHost..Position::AfterPort];
        // Taken out, so that one that breaks or takes too long is closed.
        if let Some(mut connection) = self.kept.remove(authority) {
            match connection.send(request).await {
                Ok((status, is_open)) => {
                    self.keep(authority, connection, is_open);
                    return Ok(status);
                }
                // Closed since the last callback.
                Err(Broken(Some(unsent))) => request = *unsent,
                Err(Broken(None)) => return Err(NoResponse),
            }
        }
        let mut connection = Connection::open(url).await?;
        let (status, is_open) = connection.send(request).await.map_err(|_| NoResponse)?;
        self.keep(authority, connection, is_open);
        Ok(status)
    }

    fn keep(&mut self, authority: &str, connection: Connection, is_open: bool) {
        if is_open {
            if self.kept.len() >= KEPT {
                self.kept.clear();
            }
            self.kept.insert(authority.to_owned(), connection);
        }
    }
}

impl Connection {
    async fn open(url: &Url) -> Result<Self, NoResponse> {
        let port = url.port_or_known_default().unwrap_or(80);
        let stream = match url.host().ok_or(NoResponse)? {
            Host::Domain(name) => TcpStream::connect((name, port)).await,
            Host::Ipv4(ip) => TcpStream::connect((ip, port)).await,
            Host::Ipv6(ip) => TcpStream::connect((ip, port)).await,
        };
        let stream = stream.map_err(|_| NoResponse)?;
        stream.set_nodelay(true).map_err(|_| NoResponse)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| NoResponse)?;
        Ok(Self { sender, driver: Box::pin(driver) })
    }

    /// The status of the response, and whether the connection can be used again.
    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<(StatusCode, bool), Broken> {
        let Self { sender, driver } = self;
        let mut exchange = pin!(async move {
            if sender.ready().await.is_err() {
                return Err(Broken(Some(Box::new(request))));
            }
            let sent = sender.try_send_request(request).await;
            let response = sent.map_err(|mut error| Broken(error.take_message().map(Box::new)))?;
            let status = response.status();
            let mut body = response.into_body();
            while let Some(frame) = body.frame().await {
                if frame.is_err() {
                    return Ok((status, false));
                }
            }
            Ok((status, true))
        });
        tokio::select! {
            biased;
            end = &mut exchange => return end,
            // Closed by the other side; what it said before is still there to be read.
            _ = driver => {}
        }
        exchange.await.map(|(status, _)| (status, false))
    }
}

fn request(url: &Url, headers: &[(HeaderName, String)], body: Vec<u8>) -> Result<Request<Full<Bytes>>, NoResponse> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(CONTENT_TYPE, "application/json");
    if !url.username().is_empty() || url.password().is_some() {
        let pair = format!("{}:{}", url.username(), url.password().unwrap_or_default());
        request = request.header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)));
    }
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(Full::new(Bytes::from(body))).map_err(|_| NoResponse)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Takes one request, answers it, and closes the connection: with a reset if something is left unread.
    async fn serve_once(listener: &TcpListener, by_reset: bool) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"{}") {
            stream.read_buf(&mut read).await.unwrap();
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        if by_reset {
            stream.set_zero_linger().unwrap();
        }
    }

    #[tokio::test]
    async fn callback_after_a_closed_connection_opens_another_one() {
        for by_reset in [false, true] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
            let mut client = CallbackClient::default();
            for _ in 0..3 {
                let post = client.post(&url, &[], b"{}".to_vec(), Duration::from_secs(10));
                let (status, ()) = tokio::join!(post, serve_once(&listener, by_reset));
                assert_eq!(status.unwrap(), StatusCode::OK, "by reset: {by_reset}");
            }
        }
    }
}
