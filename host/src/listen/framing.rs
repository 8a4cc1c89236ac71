//! Where one request ends and the next begins, by the strictest reading of RFC 9112.
//!
//! hyper parses requests, but what it forgives it also hides: of `Content-Length` beside `Transfer-Encoding` it drops the
//! first, of two equal lengths the second, and it takes a bare LF for a line's end. A proxy in front may read such a request
//! otherwise, and then the two disagree about where the next one begins. So every byte passes here before hyper sees it.
//! What passes has one reading only; hyper therefore finds the same borders.

use memchr::{memchr, memchr3};

/// Longest line of a chunked body beside its data: a size with its extensions, or a trailer.
const CHUNK_LINE: usize = 1024;

/// Follows the requests of one connection.
#[derive(Debug)]
pub(super) struct Framing {
    phase: Phase,
    /// The beginning of a line whose end has not arrived yet.
    carry: Vec<u8>,
    head: Head,
    heads: u64,
    /// More than this of a head without a line's end is hyper's to refuse (431).
    longest: usize,
}

/// Where in a request the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Before the first byte of a head.
    Between,
    /// Within a head.
    Head,
    /// Within a body of so many more bytes.
    Body(u64),
    /// At the size of a chunk.
    ChunkSize,
    /// Within a chunk of so many more bytes, its line's end included.
    Chunk(u64),
    /// After the last chunk.
    Trailers,
    /// Beyond what can be followed; hyper refuses it by its size.
    Lost,
}

/// What stands in the way: how many of the given bytes are still good, and whether a head or a body is bad.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) good: usize,
    pub(super) in_head: bool,
    pub(super) why: &'static str,
}

/// How a head tells the length of its body.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Length {
    #[default]
    Untold,
    Bytes(u64),
    Chunked,
}

/// What is known of a head so far.
#[derive(Debug, Default)]
struct Head {
    begun: bool,
    /// HTTP/1.0
    old: bool,
    host: bool,
    length: Length,
    /// Of a target that is a whole URL, or of CONNECT.
    authority: Option<Box<[u8]>>,
}

impl Framing {
    /// `longest` is the largest head in bytes.
    pub(super) fn new(longest: usize) -> Self {
        Self { phase: Phase::Between, carry: Vec::new(), head: Head::default(), heads: 0, longest }
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether no request has been complete yet.
    pub(super) fn is_first(&self) -> bool {
        self.heads == 0
    }

    /// Takes the next bytes of the connection.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            at += match self.phase {
                Phase::Lost => rest.len(),
                Phase::Body(left) | Phase::Chunk(left) => self.skip(left, rest.len()),
                Phase::Between | Phase::Head | Phase::ChunkSize | Phase::Trailers => {
                    let in_head = matches!(self.phase, Phase::Between | Phase::Head);
                    self.lines(rest).map_err(|why| Refused { good: at, in_head, why })?
                }
            };
        }
        Ok(())
    }

    fn skip(&mut self, left: u64, available: usize) -> usize {
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(available);
        let left = left - taken as u64;
        self.phase = match self.phase {
            Phase::Chunk(_) if left == 0 => Phase::ChunkSize,
            Phase::Chunk(_) => Phase::Chunk(left),
            _ if left == 0 => Phase::Between,
            _ => Phase::Body(left),
        };
        taken
    }

    /// Takes one line, or what there is of it; gives how many bytes that were.
    fn lines(&mut self, rest: &[u8]) -> Result<usize, &'static str> {
        if self.phase == Phase::Between {
            self.phase = Phase::Head;
        }
        let Some(end) = memchr(b'\n', rest) else {
            self.carry.extend_from_slice(rest);
            let in_head = self.phase == Phase::Head;
            if in_head && self.carry.len() > self.longest {
                self.carry = Vec::new();
                self.phase = Phase::Lost;
            } else if !in_head && self.carry.len() > CHUNK_LINE {
                return Err("a line of a chunked body is too long");
            }
            return Ok(rest.len());
        };
        if self.carry.is_empty() {
            self.line(&rest[..end])?;
        } else {
            let mut line = std::mem::take(&mut self.carry);
            line.extend_from_slice(&rest[..end]);
            self.line(&line)?;
        }
        Ok(end + 1)
    }

    fn line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        let line = line.strip_suffix(b"\r").ok_or("a line ends with a bare LF")?;
        match self.phase {
            Phase::ChunkSize => self.chunk_size(line),
            Phase::Trailers => self.trailer(line),
            _ if !self.head.begun => self.head.request_line(line),
            _ if line.is_empty() => self.head_ends(),
            _ => self.head.field(line),
        }
    }

    fn head_ends(&mut self) -> Result<(), &'static str> {
        let head = std::mem::take(&mut self.head);
        if !head.host && !head.old {
            return Err("there is no Host");
        }
        self.heads += 1;
        self.phase = match head.length {
            Length::Chunked => Phase::ChunkSize,
            Length::Untold | Length::Bytes(0) => Phase::Between,
            Length::Bytes(length) => Phase::Body(length),
        };
        Ok(())
    }

    fn chunk_size(&mut self, line: &[u8]) -> Result<(), &'static str> {
        let end = memchr(b';', line).unwrap_or(line.len());
        let (digits, extension) = line.split_at(end);
        if line.len() > CHUNK_LINE || extension.iter().any(|byte| !matches!(byte, b'\t' | b' '..=b'~')) {
            return Err("a chunk's extension is not clean");
        }
        let size = hexadecimal(digits).ok_or("a chunk's size is no number")?;
        self.phase = match size {
            0 => Phase::Trailers,
            size => Phase::Chunk(size.checked_add(2).ok_or("a chunk is too large")?),
        };
        Ok(())
    }

    fn trailer(&mut self, line: &[u8]) -> Result<(), &'static str> {
        if line.is_empty() {
            self.phase = Phase::Between;
            return Ok(());
        }
        let (name, _) = field(line)?;
        let framing: [&[u8]; 3] = [b"content-length", b"transfer-encoding", b"host"];
        if framing.iter().any(|one| name.eq_ignore_ascii_case(one)) {
            return Err("a trailer says where a message ends or goes");
        }
        Ok(())
    }
}

impl Head {
    fn request_line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        // Some old clients send an empty line after a body.
        if line.is_empty() {
            return Ok(());
        }
        self.begun = true;
        let (line, version) = line.split_at(line.len().saturating_sub(9));
        self.old = match version {
            b" HTTP/1.1" => false,
            b" HTTP/1.0" => true,
            _ => return Err("the version is neither HTTP/1.1 nor HTTP/1.0"),
        };
        let gap = memchr(b' ', line).ok_or("the request line has no target")?;
        let (method, target) = (&line[..gap], &line[gap + 1..]);
        if target.is_empty() || memchr3(b' ', b'\t', b'#', target).is_some() {
            return Err("the target has a space or a fragment");
        }
        if method == b"CONNECT" {
            self.authority = Some(target.into());
        } else if target[0] != b'/' && target != b"*" {
            let colon = memchr::memmem::find(target, b"://").ok_or("the target is neither a path nor a URL")?;
            let rest = &target[colon + 3..];
            let end = memchr3(b'/', b'?', b'\\', rest).unwrap_or(rest.len());
            self.authority = Some(rest[..end].into());
        }
        Ok(())
    }

    fn field(&mut self, line: &[u8]) -> Result<(), &'static str> {
        let (name, value) = field(line)?;
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host(value),
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let length = decimal(value).ok_or("Content-Length is no number")?;
                self.tell(Length::Bytes(length))
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if self.old || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err("Transfer-Encoding is not chunked");
                }
                self.tell(Length::Chunked)
            }
            _ => Ok(()),
        }
    }

    fn tell(&mut self, length: Length) -> Result<(), &'static str> {
        match std::mem::replace(&mut self.length, length) {
            Length::Untold => Ok(()),
            _ => Err("the body's length is told twice"),
        }
    }

    fn host(&mut self, value: &[u8]) -> Result<(), &'static str> {
        if std::mem::replace(&mut self.host, true) {
            return Err("there are two Hosts");
        }
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:[]%".contains(byte);
        if !value.iter().all(is_part) {
            return Err("Host is no name");
        }
        match &self.authority {
            Some(authority) if !authority.eq_ignore_ascii_case(value) => Err("Host and the target differ"),
            _ => Ok(()),
        }
    }
}

/// Name and value of a field. The rest of the syntax is hyper's to check: it finds the same colon or refuses.
fn field(line: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    let colon = memchr(b':', line).ok_or("a line has no colon")?;
    let name = &line[..colon];
    // A space here is a folded line, or one that others take for a name's part.
    if name.is_empty() || name.iter().any(|byte| !byte.is_ascii_graphic()) {
        return Err("a field's name has a space in it");
    }
    Ok((name, line[colon + 1..].trim_ascii()))
}

fn decimal(digits: &[u8]) -> Option<u64> {
    // 19 digits stay below 2^64; hyper's own limit is a little lower.
    (1..=19).contains(&digits.len()).then_some(())?;
    digits.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u64::from(byte - b'0')))
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    (1..=16).contains(&digits.len()).then_some(())?;
    digits
        .iter()
        .try_fold(0, |number, byte| char::from(*byte).to_digit(16).map(|digit| (number << 4) | u64::from(digit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [&str; 9] = [
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nhost:\t x \r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "POST /a?b HTTP/1.1\r\nhost: x:80\r\nContent-LENGTH:  5 \r\n\r\nhello",
        "POST / HTTP/1.1\r\nhost: [::1]:80\r\ntransfer-encoding: Chunked\r\n\r\n5\r\nhello\r\n00a;x=\"1\"\r\n0123\r\n6789\r\n0\r\nx-sum: 1\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET http://X.example:8080/a HTTP/1.1\r\nhost: x.example:8080\r\n\r\n",
        "CONNECT x:1 HTTP/1.1\r\nhost: x:1\r\n\r\n",
        "POST / HTTP/1.0\r\ncontent-length: 0\r\n\r\n",
    ];

    const BAD: [(&str, &str); 34] = [
        ("GET / HTTP/1.1\nhost: x\r\n\r\n", "bare LF"),
        ("GET / HTTP/1.1\r\nhost: x\n\r\n", "bare LF"),
        ("GET / HTTP/1.1\r\nhost: x\r\n\n", "bare LF"),
        ("\nGET / HTTP/1.1\r\nhost: x\r\n\r\n", "bare LF"),
        ("GET / HTTP/1.1\r\n\r\n", "no Host"),
        ("GET / HTTP/1.1\r\nhost: x\r\nhost: x\r\n\r\n", "two Hosts"),
        ("GET / HTTP/1.0\r\nhost: x\r\nhost: y\r\n\r\n", "two Hosts"),
        ("GET / HTTP/1.1\r\nhost: x, y\r\n\r\n", "no name"),
        ("GET / HTTP/1.1\r\nhost: a@b\r\n\r\n", "no name"),
        ("GET http://a/ HTTP/1.1\r\nhost: b\r\n\r\n", "differ"),
        ("GET http://b@a/ HTTP/1.1\r\nhost: a\r\n\r\n", "differ"),
        ("GET http://a HTTP/1.1\r\nhost: a:80\r\n\r\n", "differ"),
        ("GET a HTTP/1.1\r\nhost: a\r\n\r\n", "neither a path"),
        ("GET / HTTP/1.2\r\nhost: a\r\n\r\n", "version"),
        ("GET / HTTP/2.0\r\nhost: a\r\n\r\n", "version"),
        ("GET /\r\n\r\n", "version"),
        ("GET /  HTTP/1.1\r\nhost: a\r\n\r\n", "space"),
        ("GET /a#b HTTP/1.1\r\nhost: a\r\n\r\n", "fragment"),
        ("GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n y\r\n\r\n", "colon"),
        ("GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n y: z\r\n\r\n", "space"),
        ("GET / HTTP/1.1\r\nhost: a\r\ncontent-length : 5\r\n\r\n", "space"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +5\r\n\r\n", "no number"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5, 5\r\n\r\n", "no number"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n", "no number"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n", "twice"),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", "twice"),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n", "twice"),
        ("POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n", "not chunked"),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n", "not chunked"),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5 \r\nhello\r\n", "size"),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0x5\r\nhello\r\n", "size"),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5;a\nhello\r\n", "bare LF"),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n", "too large"),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\ncontent-length: 5\r\n\r\n", "trailer"),
    ];

    fn in_pieces(text: &str, size: usize) -> Result<Phase, &'static str> {
        let mut framing = Framing::new(16 << 10);
        for piece in text.as_bytes().chunks(size) {
            framing.feed(piece).map_err(|refused| refused.why)?;
        }
        Ok(framing.phase())
    }

    #[test]
    fn good_requests_end_where_they_end_however_they_are_cut() {
        for text in GOOD {
            for size in 1..=text.len() {
                assert_eq!(in_pieces(text, size), Ok(Phase::Between), "{text:?} by {size}");
                assert_eq!(in_pieces(&text.repeat(3), size), Ok(Phase::Between), "{text:?} by {size}");
            }
        }
    }

    #[test]
    fn what_has_two_readings_is_refused_however_it_is_cut() {
        for (text, why) in BAD {
            for size in 1..=text.len() {
                let found = in_pieces(text, size).expect_err(text);
                assert!(found.contains(why), "{text:?} by {size}: {found}");
                let second = GOOD[0].to_owned() + text;
                assert!(in_pieces(&second, size).is_err(), "{second:?} by {size}");
            }
        }
    }

    #[test]
    fn what_comes_before_a_bad_line_is_good() {
        let mut framing = Framing::new(16 << 10);
        let text = "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n";
        let refused = framing.feed(text.as_bytes()).unwrap_err();
        assert_eq!((&text[..refused.good], refused.in_head), ("GET / HTTP/1.1\r\nhost: a\r\n", true));
    }

    #[test]
    fn what_is_kept_of_a_line_is_bounded() {
        let mut framing = Framing::new(8 << 10);
        framing.feed(b"GET /").unwrap();
        for _ in 0..100 {
            framing.feed(&[b'a'; 1000]).unwrap();
        }
        assert_eq!((framing.phase(), framing.carry.capacity()), (Phase::Lost, 0));
    }
}
