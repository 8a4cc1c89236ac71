//! A call without its transport: the platform's JSON in, a function of the contract, the platform's JSON out.
//!
//! The edge runs calls for callers, preflight runs them to try a component out. Which component answers, and what it may
//! reach, is for the [`Runner`] to say; neither HTTP nor the table is known here.

pub mod notification;
pub mod same;
pub mod sdk;

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;

use serde::Serialize;
use wharf_protocol::Check;

use crate::guest::{Body, Class, Ended, Fault, Function};

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
fn encode<A: Serialize + Check>(ended: Ended<A>) -> Result<Vec<u8>, Failed> {
    let (answer, bound) = given(ended)?;
    answer.check().map_err(|breach| Failed::Guest {
        fault: Fault::InvalidAnswer(breach),
        sent: bound.sent,
        answer: serde_json::to_string(&answer).ok().map(String::into_boxed_str),
    })?;
    written(&answer, bound)
}

/// The largest buffer that a thread keeps for the next answer.
const KEPT: usize = 2 << 20;

thread_local! {
    /// Where this thread writes an answer before it gets memory of its own size: in a buffer that grows while it is written, an
    /// answer of 1 MiB touches four times its size, and all of that the kernel must clear.
    static WRITTEN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn written(answer: &impl Serialize, bound: Bound) -> Result<Vec<u8>, Failed> {
    let failed = |fault| Failed::guest(fault, bound.sent);
    WRITTEN.with_borrow_mut(|written| {
        // First of all: what a panic left there is somebody else's answer.
        written.clear();
        let answer = match serde_json::to_writer(&mut *written, answer) {
            Err(error) => Err(failed(Fault::Host(error.to_string()))),
            Ok(()) if written.len() > bound.most => Err(failed(Fault::AnswerTooLarge { limit: bound.most })),
            Ok(()) => Ok(written.clone()),
        };
        written.clear();
        written.shrink_to(KEPT);
        answer
    })
}
