//! A system that components call: on this machine, and it remembers what it was sent.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// An answer that nothing is wrong with.
pub(crate) const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Another system on this machine, which keeps the heads of the requests that it is sent.
pub(crate) struct Upstream {
    pub(crate) address: String,
    pub(crate) port: u16,
    heads: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Upstream {
    /// Answers one request of each connection so; `answer` may take its time.
    pub(crate) fn start(answer: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Self {
        Self::listen(false, move |stream, _| answer(stream))
    }

    /// Answers one request of each connection with what is made of its head and its body.
    pub(crate) fn answering(answer: impl Fn(&str, &str) -> String + Send + Sync + 'static) -> Self {
        Self::listen(false, move |stream, head| {
            let lower = head.to_lowercase();
            let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            if stream.read_exact(&mut body).is_ok() {
                // The other side may have hung up.
                let _ = stream.write_all(answer(head, &String::from_utf8_lossy(&body)).as_bytes());
            }
        })
    }

    fn listen(keep: bool, answer: impl Fn(&mut TcpStream, &str) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (heads, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (seen, count, answer) = (Arc::clone(&heads), Arc::clone(&connections), Arc::new(answer));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::SeqCst);
                let (heads, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                std::thread::spawn(move || {
                    while let Some((place, head)) = read_head(&mut stream, &heads) {
                        answer(&mut stream, &head);
                        if !keep || place > 10_000 {
                            return;
                        }
                    }
                });
            }
        });
        Self { address: address.to_string(), port: address.port(), heads, connections }
    }

    /// Answers every request with this, and keeps its connections open.
    pub(crate) fn plain(answer: &'static str) -> Self {
        Self::listen(true, move |stream, _| stream.write_all(answer.as_bytes()).unwrap())
    }

    /// Takes requests and never answers, until the other side has enough.
    pub(crate) fn silent() -> Self {
        Self::start(|stream| {
            let _ = stream.read(&mut [0]);
        })
    }

    /// The heads of the requests so far.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

/// The last answer of its connection, with this status and body.
pub(crate) fn saying(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} Said\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Reads a request's head, or what there is of it, and keeps it; its place among all, and itself. `None` when nothing comes.
fn read_head(stream: &mut TcpStream, heads: &Mutex<Vec<String>>) -> Option<(usize, String)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count > 0) {
        head.push(byte[0]);
    }
    if head.is_empty() {
        return None;
    }
    let mut heads = heads.lock().unwrap();
    let head = String::from_utf8_lossy(&head).into_owned();
    heads.push(head.clone());
    Some((heads.len(), head))
}
