//! A bare local service: it takes tokens and batches as fast as a socket can, and keeps nothing.
//!
//! It measures our side of the road, so it reads each body to its end without parsing it. For
//! behaviour there is the simulator.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// What has arrived so far.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) tokens: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) body_bytes: AtomicU64,
}

pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    pub(crate) counts: Arc<Counts>,
}

impl Sink {
    /// Starts on a free port of the loopback interface; it ends with this program.
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counts = Arc::clone(&shared);
                // A connection that breaks is the sender's business: it sees the same and reports it.
                thread::spawn(move || serve(&stream, &counts));
            }
        });
        Ok(Self { address, counts })
    }
}

/// Answers requests on one connection until the other side closes it.
fn serve(stream: &TcpStream, counts: &Counts) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(256 * 1024, stream);
    let mut writer = stream;
    while let Some(request) = Request::read(&mut reader)? {
        let length = io::copy(&mut reader.by_ref().take(request.length), &mut io::sink())?;
        counts.body_bytes.fetch_add(length, Ordering::Relaxed);
        let answer = answer(&request, counts);
        write!(
            writer,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
            answer.len()
        )?;
    }
    Ok(())
}

fn answer(request: &Request, counts: &Counts) -> String {
    if request.is_post && request.path.ends_with("/messages") {
        let number = counts.batches.fetch_add(1, Ordering::Relaxed);
        format!(r#"{{"batch_id":"01BENCH{number:019}"}}"#)
    } else if request.is_post {
        counts.tokens.fetch_add(1, Ordering::Relaxed);
        r#"{"access_token":"bench","expires_in":3599,"scope":"","token_type":"bearer"}"#.to_owned()
    } else {
        "[]".to_owned()
    }
}

/// The little of a request's head that matters here.
struct Request {
    is_post: bool,
    path: String,
    length: u64,
}

impl Request {
    /// Reads one head, or `None` at the end of the connection.
    fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace();
        let is_post = words.next() == Some("POST");
        let target = words.next().unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default().to_owned();
        let mut length = 0;
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
                return Ok(Some(Self { is_post, path, length }));
            }
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_requests_on_one_connection() -> io::Result<()> {
        let sink = Sink::start()?;
        let mut stream = TcpStream::connect(sink.address)?;
        stream.write_all(
            b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b\
              POST /v1/projects/p/messages HTTP/1.1\r\nHost: x\r\ncontent-length: 2\r\n\r\n{}",
        )?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut answers = String::new();
        stream.read_to_string(&mut answers)?;
        assert!(answers.contains("access_token") && answers.contains("01BENCH0000000000000000000"), "{answers}");
        assert_eq!(sink.counts.batches.load(Ordering::Relaxed), 1);
        assert_eq!(sink.counts.body_bytes.load(Ordering::Relaxed), 5);
        Ok(())
    }
}
