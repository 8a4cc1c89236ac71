//! The same behind a proxy that shares its connections among callers and reads requests in its own way.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::smuggling::{nobody_got_through, node};
use super::{answers, farewell, push};

/// Which of two lengths a proxy believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Believes {
    Length,
    Chunks,
}

/// One request as the proxy reads it: leniently, and passed on as it came.
fn request(client: &mut BufReader<TcpStream>, believes: Believes) -> Option<Vec<u8>> {
    let (mut whole, mut length, mut chunked) = (Vec::new(), 0, false);
    loop {
        let mut line = Vec::new();
        if client.read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        whole.extend_from_slice(&line);
        let text = String::from_utf8_lossy(&line).to_lowercase();
        if text.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = text.split_once(':') {
            match name.trim() {
                "content-length" => length = value.trim().trim_start_matches('+').parse().unwrap_or(length),
                "transfer-encoding" => chunked |= value.contains("chunked"),
                _ => {}
            }
        }
    }
    if chunked && believes == Believes::Chunks {
        while !whole.ends_with(b"0\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte).ok()?;
            whole.push(byte[0]);
        }
        return Some(whole);
    }
    let mut body = vec![0; length];
    client.read_exact(&mut body).ok()?;
    whole.extend_from_slice(&body);
    Some(whole)
}

/// One answer from behind, and whether the connection goes on.
fn answer(backend: &mut BufReader<TcpStream>) -> Option<(Vec<u8>, bool)> {
    let (mut whole, mut length, mut goes_on) = (Vec::new(), 0, true);
    loop {
        let mut line = Vec::new();
        if backend.read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        whole.extend_from_slice(&line);
        let text = String::from_utf8_lossy(&line).to_lowercase();
        match text.trim().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap_or(0),
            Some(("connection", "close")) => goes_on = false,
            None if text.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    backend.read_exact(&mut body).ok()?;
    whole.extend_from_slice(&body);
    Some((whole, goes_on))
}

/// Serves connections of one request each, over one connection to what is behind as long as that lasts.
fn serve(listener: &TcpListener, behind: &str, believes: Believes) {
    let mut backend: Option<BufReader<TcpStream>> = None;
    while let Ok((client, _)) = listener.accept() {
        let mut client = BufReader::new(client);
        client.get_ref().set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let Some(request) = request(&mut client, believes) else { continue };
        let mut connection = backend.take().unwrap_or_else(|| {
            let socket = TcpStream::connect(behind).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            BufReader::new(socket)
        });
        let _ = connection.get_mut().write_all(&request);
        match answer(&mut connection) {
            None => drop(client.get_mut().write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")),
            Some((whole, goes_on)) => {
                let _ = client.get_mut().write_all(&whole);
                if goes_on {
                    backend = Some(connection);
                }
            }
        }
    }
}

/// What an attacker sends so that a proxy takes `hidden` for a body's part.
fn attacks(believes: Believes, hidden: &str) -> Vec<String> {
    let head = "POST /channels/acme/inventory_push_v1 HTTP/1.1\r\nhost: x\r\n";
    let mut attacks = Vec::new();
    match believes {
        Believes::Length => {
            let body = format!("0\r\n\r\n{hidden}");
            let length = format!("content-length: {}\r\n", body.len());
            for chunks in [
                "transfer-encoding: chunked",
                "Transfer-Encoding:\tchunked",
                "transfer-encoding: xchunked",
                "transfer-encoding : chunked",
                " transfer-encoding: chunked",
                "transfer-encoding: chunked, identity",
                "x: y\ntransfer-encoding: chunked",
                "transfer-encoding: identity, chunked",
            ] {
                attacks.push(format!("{head}{length}{chunks}\r\n\r\n{body}"));
                attacks.push(format!("{head}{chunks}\r\n{length}\r\n{body}"));
            }
            attacks.push(format!("{head}content-length: 0\r\n{length}\r\n{hidden}"));
            attacks.push(format!("{head}content-length: 0\r\ncontent-length: +{}\r\n\r\n{hidden}", hidden.len()));
        }
        Believes::Chunks => {
            let body = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
            let first = body.find('\n').unwrap() + 1;
            for length in [
                format!("content-length: {first}"),
                format!("content-length : {first}"),
                format!("content-length: +{first}"),
                format!("content-length: {first}, {first}"),
            ] {
                attacks.push(format!("{head}{length}\r\ntransfer-encoding: chunked\r\n\r\n{body}"));
                attacks.push(format!("{head}transfer-encoding: chunked\r\n{length}\r\n\r\n{body}"));
            }
            for chunks in ["transfer-encoding: xchunked", "transfer-encoding: chunked\r\ntransfer-encoding: x"] {
                attacks.push(format!("{head}content-length: {first}\r\n{chunks}\r\n\r\n{body}"));
            }
        }
    }
    attacks
}

#[test]
fn behind_a_proxy_nobody_gets_the_answer_to_what_another_smuggled() {
    let host = node();
    let hidden = push("victim", "");
    for believes in [Believes::Length, Believes::Chunks] {
        let attacks = attacks(believes, &hidden);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let behind = host.edge.clone();
        std::thread::spawn(move || serve(&listener, &behind, believes));
        for attack in &attacks {
            // Both sides of the attack are a good caller's, over the connection that is shared.
            let [before, attacked, after] = [push("acme", ""), attack.clone(), push("acme", "")]
                .map(|bytes| farewell(&address, bytes.as_bytes()).0);
            for good in [before, after] {
                assert!(good.starts_with("HTTP/1.1 200") && good.ends_with("{\"events\":[]}"), "{attack:?}: {good}");
            }
            assert!(!attacked.contains(" 200 ") && answers(&attacked) <= 1, "{attack:?}: {attacked}");
        }
        println!("{} attacks through a proxy that believes {believes:?}", attacks.len());
    }
    nobody_got_through(&host);
}
