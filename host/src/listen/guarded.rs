//! A connection under guard: every byte that is read passes [`Framing`], and a peer that makes us wait is given up.
//!
//! hyper has one timer for the wait between two requests and the arrival of a head, and none for a peer that does not read
//! its answer. Here each has its own. There is one timer for a connection, and it is set again only when it fires: a
//! request costs a look at the clock.

use std::future::Future as _;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep_until};

use super::framing::{Framing, Phase};

/// How long a peer may make us wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For a head, from its first byte; for the first head, from the connection's beginning.
    pub(super) header: Duration,
    /// For the next request after an answer.
    pub(super) idle: Duration,
    /// For any part of an answer to be taken.
    pub(super) write: Duration,
}

/// What the connection's service tells the stream, and the other way round.
#[derive(Debug, Default)]
pub(super) struct Shared {
    busy: AtomicBool,
    spoken: AtomicBool,
}

impl Shared {
    /// A request is being answered until the value is dropped.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.busy.store(true, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    /// Whether the peer has sent anything at all.
    pub(super) fn has_spoken(&self) -> bool {
        self.spoken.load(Ordering::Relaxed)
    }
}

/// A request under way.
pub(super) struct Busy(Arc<Shared>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Relaxed);
    }
}

/// What hyper reads where a bad head would have gone on: no head that contains it is taken, whatever came before, and the
/// peer gets hyper's own 400.
const POISON: &[u8] = b"\0\r\n\r\n";

/// What is read next, when it is not what the peer sent.
#[derive(Debug)]
enum Verdict {
    Good,
    /// What is left of [`POISON`], then nothing more.
    BadHead(&'static [u8]),
    BadBody(&'static str),
}

/// What the peer makes us wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Nothing,
    Request(Instant),
    RestOfHead(Instant),
}

/// Bytes of a long answer that are written at once, and only after everybody else has had their turn. To a peer with a small window
/// the kernel takes 0.17 ms for as many.
const PIECE: usize = 64 << 10;

/// Everybody else's turn before a piece of a long answer.
struct OthersTurn {
    is_over: AtomicBool,
    task: Waker,
}

impl OthersTurn {
    fn begin(cx: &Context<'_>) -> Arc<Self> {
        let turn = Arc::new(Self { is_over: AtomicBool::new(false), task: cx.waker().clone() });
        // To be polled once is all it takes to be woken after the next look at the sockets.
        let _ = pin!(yield_now()).poll(&mut Context::from_waker(&Arc::clone(&turn).into()));
        turn
    }

    /// That the task is polled again does not say so: hyper flushes twice in one poll.
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }
}

impl Wake for OthersTurn {
    fn wake(self: Arc<Self>) {
        self.is_over.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

/// A stream under guard.
pub(super) struct Guarded<S> {
    stream: S,
    framing: Framing,
    patience: Patience,
    shared: Arc<Shared>,
    verdict: Verdict,
    wait: Wait,
    write_until: Option<Instant>,
    /// What is left to write of a long answer's piece.
    room: usize,
    turn: Option<Arc<OthersTurn>>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<S> Guarded<S> {
    /// `longest` is the largest head in bytes.
    pub(super) fn new(stream: S, longest: usize, patience: Patience, shared: Arc<Shared>) -> Self {
        Self {
            stream,
            framing: Framing::new(longest),
            patience,
            shared,
            verdict: Verdict::Good,
            wait: Wait::Nothing,
            write_until: None,
            room: 0,
            turn: None,
            alarm: None,
        }
    }

    /// Looks at what has just been read; takes away what hyper must not see.
    fn inspect(&mut self, buf: &mut ReadBuf<'_>, before: usize) {
        let fed = self.framing.feed(&buf.filled()[before..]);
        if let Err(refused) = fed {
            tracing::debug!(why = refused.why, "a request was refused");
            buf.set_filled(before + refused.good);
            self.verdict = if refused.in_head { Verdict::BadHead(POISON) } else { Verdict::BadBody(refused.why) };
        }
        self.shared.spoken.store(true, Ordering::Relaxed);
        self.wait = match (self.framing.phase(), self.wait) {
            (Phase::Head, Wait::RestOfHead(until)) => Wait::RestOfHead(until),
            (Phase::Head, _) => Wait::RestOfHead(Instant::now() + self.patience.header),
            _ => Wait::Nothing,
        };
    }

    /// There is nothing to read: until when that is all right.
    fn read_until(&mut self) -> Option<Instant> {
        let busy = self.shared.busy.load(Ordering::Relaxed);
        match self.wait {
            // A request that came together with the one before it.
            Wait::Request(_) if busy => self.wait = Wait::Nothing,
            // It is the peer's turn when it has been given all of its answer.
            Wait::Nothing if !busy && !self.is_writing() && self.framing.phase() == Phase::Between => {
                let time = if self.framing.is_first() { self.patience.header } else { self.patience.idle };
                self.wait = Wait::Request(Instant::now() + time);
            }
            _ => {}
        }
        match self.wait {
            Wait::Nothing => None,
            Wait::Request(until) | Wait::RestOfHead(until) => Some(until),
        }
    }

    /// Whether an answer is on its way out.
    fn is_writing(&self) -> bool {
        self.write_until.is_some() || self.room > 0 || self.turn.is_some()
    }

    /// Whether it is later than `until`; if not, the task is woken then.
    fn is_late(&mut self, until: Instant, cx: &mut Context<'_>) -> bool {
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if alarm.deadline() > until {
            alarm.as_mut().reset(until);
        }
        // It may have been set for an earlier wait that was over in time.
        while alarm.as_mut().poll(cx).is_ready() {
            if Instant::now() >= until {
                return true;
            }
            alarm.as_mut().reset(until);
        }
        false
    }

    /// The end of an attempt to get rid of what is written.
    fn taken<T>(&mut self, poll: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.write_until = None;
            return poll;
        }
        let until = *self.write_until.get_or_insert_with(|| Instant::now() + self.patience.write);
        if self.is_late(until, cx) {
            return Poll::Ready(Err(late("the peer does not read its answer")));
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> Guarded<S> {
    /// Writes what there is, or a piece of it if it is long.
    fn write_piece(&mut self, bufs: &[io::IoSlice<'_>], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let length: usize = bufs.iter().map(|buf| buf.len()).sum();
        let poll = match bufs.iter().find(|buf| !buf.is_empty()) {
            Some(first) if length > PIECE => {
                if self.room == 0 {
                    if !self.turn.get_or_insert_with(|| OthersTurn::begin(cx)).is_over() {
                        return Poll::Pending;
                    }
                    self.turn = None;
                    self.room = PIECE;
                }
                let piece = &first[..first.len().min(self.room)];
                Pin::new(&mut self.stream).poll_write(cx, piece).map_ok(|count| {
                    self.room -= count;
                    count
                })
            }
            _ => {
                self.room = 0;
                Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
            }
        };
        self.taken(poll, cx)
    }
}

fn late(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        match &mut this.verdict {
            Verdict::Good => {}
            Verdict::BadHead(poison) => {
                let (now, later) = poison.split_at(poison.len().min(buf.remaining()));
                buf.put_slice(now);
                *poison = later;
                return Poll::Ready(Ok(()));
            }
            Verdict::BadBody(why) => return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, *why))),
        }
        let before = buf.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buf) {
            Poll::Ready(Ok(())) if buf.filled().len() > before => {
                this.inspect(buf, before);
                // No bytes would be the connection's end.
                if buf.filled().len() == before { self.poll_read(cx, buf) } else { Poll::Ready(Ok(())) }
            }
            Poll::Pending => match this.read_until() {
                Some(until) if this.is_late(until, cx) => Poll::Ready(Err(late("the peer sends no request"))),
                _ => Poll::Pending,
            },
            ready @ Poll::Ready(_) => ready,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.write_piece(&[io::IoSlice::new(buf)], cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write_piece(bufs, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(cx);
        // After an answer hyper waits for the wake-up of a read that it made earlier, so this is the place to begin the wait
        // for the next request. When the time is over, hyper reads and finds out.
        if poll.is_ready()
            && self.wait == Wait::Nothing
            && let Some(until) = self.read_until()
        {
            let _ = self.is_late(until, cx);
        }
        self.taken(poll, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.taken(poll, cx)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt as _, duplex};

    use super::*;

    /// Writes a head and a body; how often others had their turn meanwhile.
    async fn turns_during(body: &[u8]) -> u32 {
        let (near, mut far) = duplex(1 << 20);
        let time = Duration::from_secs(10);
        let patience = Patience { header: time, idle: time, write: time };
        let mut guarded = Guarded::new(near, 8192, patience, Arc::default());
        let turns = Cell::new(0);
        let write = async {
            let mut head = &b"head"[..];
            let mut rest = body;
            while !(head.is_empty() && rest.is_empty()) {
                let bufs = [io::IoSlice::new(head), io::IoSlice::new(rest)];
                // Twice in one poll, as hyper does.
                let mut write = |cx: &mut Context<'_>| Pin::new(&mut guarded).poll_write_vectored(cx, &bufs);
                let count = poll_fn(|cx| match write(cx) {
                    Poll::Pending => write(cx),
                    ready @ Poll::Ready(_) => ready,
                });
                let count = count.await.unwrap();
                let of_head = count.min(head.len());
                (head, rest) = (&head[of_head..], &rest[count - of_head..]);
            }
        };
        let others = async {
            loop {
                turns.set(turns.get() + 1);
                yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = write => {}
            () = others => {}
        }
        drop(guarded);
        let mut read = Vec::new();
        far.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, [b"head", body].concat());
        turns.get()
    }

    #[tokio::test]
    async fn a_long_answer_is_written_in_pieces_and_others_have_their_turn_before_each() {
        let body: Vec<u8> = (0..=u8::MAX).cycle().take(4 * PIECE).collect();
        assert_eq!(turns_during(&body[..PIECE - 4]).await, 0);
        assert_eq!(turns_during(&body[..PIECE - 3]).await, 1);
        assert_eq!(turns_during(&body[..3 * PIECE]).await, 3);
    }
}
