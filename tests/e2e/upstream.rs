//! A system that components call: on this machine, and it remembers what it was sent.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// An answer that nothing is wrong with.
pub(crate) const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Another system on this machine, which keeps the heads of the requests that it is sent.
pub(crate) struct Upstream {
    pub(crate) address: String,
    pub(crate) port: u16,
    connections: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    /// Answers every request so; `answer` may take its time.
    pub(crate) fn start(answer: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&connections), Arc::new(answer));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let place = seen.lock().unwrap().len();
                seen.lock().unwrap().push(String::new());
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut head = Vec::new();
                    let mut byte = [0];
                    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count > 0) {
                        head.push(byte[0]);
                    }
                    seen.lock().unwrap()[place] = String::from_utf8_lossy(&head).into_owned();
                    answer(&mut stream);
                });
            }
        });
        Self { address: address.to_string(), port: address.port(), connections }
    }

    /// Answers every request with this.
    pub(crate) fn plain(answer: &'static str) -> Self {
        Self::start(move |stream| stream.write_all(answer.as_bytes()).unwrap())
    }

    /// Takes requests and never answers, until the other side has enough.
    pub(crate) fn silent() -> Self {
        Self::start(|stream| {
            let _ = stream.read(&mut [0]);
        })
    }

    /// The heads of the requests so far.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.connections.lock().unwrap().clone()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}
