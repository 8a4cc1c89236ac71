//! A call without its transport: the platform's JSON in, a function of the contract, the platform's JSON out.
//!
//! The edge runs calls for callers, preflight runs them to try a component out. Which component answers, and what it may
//! reach, is for the [`Runner`] to say; neither HTTP nor the table is known here.

pub mod notification;
pub mod same;
pub mod sdk;

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;

use serde::Serialize;
use wharf_protocol::Check;

use crate::guest::{Body, Class, Ended, Fault, Function, step_aside};

/// Whose call it is.
#[derive(Debug, Clone, Copy)]
pub struct Ids<'a> {
    /// The call's id.
    pub call: &'a str,
    /// The channel's slug.
    pub channel: &'a str,
    /// The action as the platform names it. An SDK call brings its own.
    pub action: &'a str,
}

/// What a call is about, as far as calls that belong together can be told from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject<'a> {
    /// An order, by the channel's number.
    Order(&'a str),
    /// A document, a contact, a project: kind and id.
    Entity(i64, i64),
    /// Nothing of the kind.
    Nothing,
}

impl<'a> Subject<'a> {
    fn order(number: Option<&'a str>) -> Self {
        number.map_or(Self::Nothing, Self::Order)
    }

    /// What a notification or a payment page is about.
    pub fn entity(entity: &wharf_protocol::notification::Entity) -> Self {
        entity.entity_id.map_or(Self::Nothing, |id| Self::Entity(entity.entity_type_id, id))
    }
}

/// Runs functions of a component.
pub trait Runner: Sync {
    /// Runs one function, with the request's body at hand, in the time of its class. Boxed: the futures of eleven interactions side
    /// by side are large, and the compiler cannot see that they may change threads.
    fn run<'a, F: Function>(
        &'a self,
        subject: Subject<'a>,
        body: Body,
        class: Class,
        params: F::Params<'a>,
    ) -> Pin<Box<dyn Future<Output = Ended<F::Answer>> + Send + 'a>>;
}

/// Why a call has no answer.
#[derive(Debug)]
pub enum Failed {
    /// The request cannot be read: what the caller is told.
    Request(String),
    /// The request lacks what every guest needs: the JSON path.
    Missing(&'static str),
    /// The guest gave no answer, or a wrong one.
    Guest {
        /// Why.
        fault: Fault,
        /// Whether requests to the outside had been sent by then.
        sent: bool,
        /// The answer that breaks a rule, as JSON.
        answer: Option<Box<str>>,
    },
}

impl Failed {
    fn guest(fault: Fault, sent: bool) -> Self {
        Self::Guest { fault, sent, answer: None }
    }
}

/// What holds for an answer on its way out.
#[derive(Debug, Clone, Copy)]
struct Bound {
    /// Bytes that it may have.
    most: usize,
    /// Whether requests to the outside had been sent.
    sent: bool,
}

/// The guest's answer, if there is one.
fn given<A>(ended: Ended<A>) -> Result<(A, Bound), Failed> {
    let bound = Bound { most: ended.most, sent: ended.spent.sent > 0 };
    ended.result.map(|answer| (answer, bound)).map_err(|fault| Failed::guest(fault, bound.sent))
}

/// Writes a guest's answer, if it keeps the platform's rules.
fn encode<A: Serialize + Check>(ended: Ended<A>) -> Result<Written, Failed> {
    let (answer, bound) = given(ended)?;
    answer.check().map_err(|breach| Failed::Guest {
        fault: Fault::InvalidAnswer(breach),
        sent: bound.sent,
        answer: serde_json::to_string(&answer).ok().map(String::into_boxed_str),
    })?;
    Written::new(&answer, bound)
}

/// The largest buffer that a thread keeps for the next answer.
const KEPT: usize = 2 << 20;

/// Bytes of an answer that are copied at once. Where their memory is new, the kernel must clear it first: 0.05 ms for as many.
const PIECE: usize = 64 << 10;

thread_local! {
    /// Where this thread writes an answer before it gets memory of its own size: in a buffer that grows while it is written, an
    /// answer of 1 MiB touches four times its size, and all of that the kernel must clear.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// An answer in a thread's buffer, and the memory that it gets.
struct Written {
    buffer: Vec<u8>,
    answer: Vec<u8>,
}

impl Written {
    fn new(answer: &impl Serialize, bound: Bound) -> Result<Self, Failed> {
        let failed = |fault| Failed::guest(fault, bound.sent);
        // Whatever keeps it from coming back, a panic for one, the next answer gets a new one.
        let mut buffer = BUFFER.take();
        serde_json::to_writer(&mut buffer, answer).map_err(|error| failed(Fault::Host(error.to_string())))?;
        if buffer.len() > bound.most {
            return Err(failed(Fault::AnswerTooLarge { limit: bound.most }));
        }
        // Before the guest's own answer is gone: what that leaves has been used, and the next guest's gets it. This one is long
        // under way, and new memory is nobody's loss where it is used piece by piece.
        let answer = Vec::with_capacity(buffer.len());
        Ok(Self { buffer, answer })
    }

    /// The answer in memory of its own.
    async fn copied(self) -> Vec<u8> {
        let Self { mut buffer, mut answer } = self;
        for (number, piece) in buffer.chunks(PIECE).enumerate() {
            if number > 0 {
                step_aside().await;
            }
            answer.extend_from_slice(piece);
        }
        buffer.clear();
        buffer.shrink_to(KEPT);
        BUFFER.set(buffer);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_long_answer_is_copied_in_pieces_and_the_next_one_has_nothing_of_it() {
        for length in [10, PIECE - 2, PIECE - 1, 3 * PIECE] {
            let text = "x".repeat(length);
            let bound = Bound { most: length + 2, sent: false };
            let mut copied = Box::pin(Written::new(&text, bound).unwrap().copied());
            let polled = futures_util::poll!(&mut copied);
            assert_eq!(polled.is_pending(), length + 2 > PIECE, "{length}");
            let answer = if let std::task::Poll::Ready(answer) = polled { answer } else { copied.await };
            assert_eq!(String::from_utf8(answer).unwrap(), format!("\"{text}\""));
            let bound = Bound { most: length + 1, ..bound };
            let refused = Written::new(&text, bound);
            assert!(matches!(refused, Err(Failed::Guest { fault: Fault::AnswerTooLarge { .. }, .. })));
        }
    }
}
