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
        if let Some(connection) = self.kept.remove(authority) {
            match connection.send(request).await {
                Ok((status, connection)) => {
                    self.keep(authority, connection);
                    return Ok(status);
                }
                // Closed since the last callback.
                Err(Broken(Some(unsent))) => request = *unsent,
                Err(Broken(None)) => return Err(NoResponse),
            }
        }
        let (status, connection) = Connection::open(url).await?.send(request).await.map_err(|_| NoResponse)?;
        self.keep(authority, connection);
        Ok(status)
    }

    fn keep(&mut self, authority: &str, connection: Option<Connection>) {
        if let Some(connection) = connection {
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

    /// The status of the response, and the connection if it can be used again.
    async fn send(self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Option<Self>), Broken> {
        let Self { mut sender, mut driver } = self;
        let (status, is_whole) = {
            let mut exchange = pin!(exchange(&mut sender, request));
            let end = tokio::select! {
                biased;
                end = &mut exchange => Some(end),
                _ = &mut driver => None,
            };
            match end {
                Some(end) => end?,
                None => {
                    // Closed by the other side. Only when it is dropped does a request that waits learn of it; what
                    // was said before is still there to be read.
                    drop(driver);
                    return exchange.await.map(|(status, _)| (status, None));
                }
            }
        };
        Ok((status, is_whole.then_some(Self { sender, driver })))
    }
}

/// The status of the response, and whether its body could be read to the end.
async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, bool), Broken> {
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
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const RESPONSES: [&str; 3] = [
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ];

    /// Takes one request and answers it in so many pieces.
    async fn serve(listener: Arc<TcpListener>, response: &'static str, pieces: usize) -> TcpStream {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"{}") {
            stream.read_buf(&mut read).await.unwrap();
        }
        for piece in response.as_bytes().chunks(response.len().div_ceil(pieces)) {
            stream.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        stream
    }

    #[tokio::test]
    async fn callback_after_a_closed_connection_opens_another_one() {
        for response in RESPONSES {
            for (pieces, by_reset) in [(1, false), (1, true), (7, false), (7, true)] {
                let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
                let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
                let mut client = CallbackClient::default();
                for nth in 0..3 {
                    let serving = tokio::spawn(serve(Arc::clone(&listener), response, pieces));
                    let status = client.post(&url, &[], b"{}".to_vec(), Duration::from_secs(10)).await;
                    assert_eq!(status.ok(), Some(StatusCode::OK), "{nth} {response:?} {pieces} {by_reset}");
                    let stream = serving.await.unwrap();
                    if by_reset {
                        stream.set_zero_linger().unwrap();
                    }
                    drop(stream);
                    // By now this side knows of it too: the events of sockets come in order.
                    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
                    let connecting = TcpStream::connect(other.local_addr().unwrap());
                    assert!(matches!(tokio::join!(connecting, other.accept()), (Ok(_), Ok(_))));
                }
            }
        }
    }
}
