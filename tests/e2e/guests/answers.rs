//! Answers that are no answers: texts that are no text, lists that end nowhere, allocators that lie.

use wit_component::StringEncoding;

use super::shell::Guest;
use super::{Case, Ends};

/// Where the events of an answer lie.
const EVENTS: u32 = 1024;
/// Where their texts lie.
const TEXT: u32 = 2048;

pub(super) fn cases() -> Vec<Case> {
    [texts(), shapes(), bombs(), allocators(), endings()].concat()
}

fn trap(name: &'static str, guest: Guest) -> Case {
    Case::new(name, Ends::Traps, guest)
}

/// A report of so many events at this address.
fn report(at: u32, events: u32) -> Guest {
    Guest::answering().holding(0, &[0, at, events])
}

/// A report of one event: severity, code, message, further data, associations.
fn event(words: [u32; 10]) -> Guest {
    report(EVENTS, 1).holding(EVENTS, &words).with(format!("(data (i32.const {TEXT}) \"CODE and words\")"))
}

/// A report of one event with this message.
fn saying(address: u32, length: u32) -> Guest {
    event([0, TEXT, 4, address, length, 0, 0, 0, 0, 0])
}

fn texts() -> Vec<Case> {
    let spelled = |bytes: &str, length| saying(4096, length).with(format!("(data (i32.const 4096) \"{bytes}\")"));
    vec![
        Case::new("a text that is one", Ends::Answers, saying(TEXT, 14)),
        trap("a text that is no UTF-8", spelled("\\ff\\fe", 2)),
        trap("half a pair in UTF-8", spelled("\\ed\\a0\\80", 3)),
        trap("an overlong character", spelled("\\c0\\af", 2)),
        trap("a character that is cut off", spelled("\\f0\\9f\\98", 3)),
        trap("half a pair in UTF-16", spelled("\\00\\d8\\00\\d8", 2).encoding(StringEncoding::UTF16)),
        trap(
            "a text at an odd address",
            spelled("abcdefgh", 2).encoding(StringEncoding::UTF16).holding(EVENTS + 12, &[4097]),
        ),
        trap("a long text in two encodings", spelled("ab", 0xffff_ffff).encoding(StringEncoding::CompactUTF16)),
        trap("a text of four gigabytes", saying(TEXT, u32::MAX)),
        trap("a text behind the memory", saying(u32::MAX, 1)),
        trap("a text across the end", saying(131_071, 2)),
    ]
}

fn shapes() -> Vec<Case> {
    vec![
        trap("an answer at an odd address", Guest::pushing("i32.const 2")),
        trap("an answer behind the memory", Guest::pushing("i32.const -8")),
        trap("an answer across the end", Guest::pushing("i32.const 131068")),
        trap("neither an answer nor a failure", Guest::answering().holding(0, &[2])),
        trap("a failure of no kind", Guest::answering().holding(0, &[1, 9])),
        trap("a severity of no kind", event([9, TEXT, 4, TEXT, 4, 0, 0, 0, 0, 0])),
        trap("neither a text nor none", event([0, TEXT, 4, TEXT, 4, 7, 0, 0, 0, 0])),
        trap("a kind of subject that is none", {
            event([0, TEXT, 4, TEXT, 4, 0, 0, 0, 3072, 1]).holding(3072, &[200, TEXT, 4])
        }),
        trap("a list at an odd address", report(EVENTS + 1, 1)),
        trap("a list behind the memory", report(u32::MAX - 3, 1)),
        trap("a list of four billion", report(EVENTS, u32::MAX)),
        // Times the size of an event it is 24, as far as 32 bits go.
        trap("a list whose length overflows", report(EVENTS, 0x6666_6667)),
        Case::new("an event without words", Ends::Illegal, event([0; 10])),
        Case::new("a failure with four gigabytes of words", Ends::Traps, {
            Guest::answering().holding(0, &[1, 3, TEXT, u32::MAX])
        }),
    ]
}

/// Little memory that reads as much.
fn bombs() -> Vec<Case> {
    // Beyond what the host puts the call's parameters into.
    const FAR: u32 = 2 << 20;
    let many = 500;
    let repeated = |words: [u32; 10]| words.repeat(many as usize);
    vec![
        Case::new("a list that fills the memory", Ends::Illegal, report(65_536, 1_000_000).pages(700)),
        Case::new(
            "five hundred texts of a megabyte each, all the same one",
            Ends::Illegal,
            report(FAR, many).pages(70).holding(FAR, &repeated([0, TEXT, 4, 131_072, 1_000_000, 0, 0, 0, 0, 0])),
        ),
        Case::new(
            "lists in lists, all the same one",
            Ends::Illegal,
            report(FAR, many).pages(70).holding(FAR, &repeated([0, TEXT, 4, TEXT, 4, 0, 0, 0, 131_072, 100_000])),
        ),
    ]
}

/// What the host asks for memory to put the call's parameters into.
fn allocators() -> Vec<Case> {
    let giving = |body: &str| Guest::answering().reallocating(body);
    vec![
        trap("memory at no address", giving("i32.const -1")),
        trap("memory across the end", giving("i32.const 131071")),
        trap("memory at an odd address", giving("i32.const 65537")),
        Case::new("the same memory for everything", Ends::Answers, giving("i32.const 65536")),
        Case::new("memory where the answer lies", Ends::Allowed, giving("i32.const 0")),
        trap("no memory but a trap", giving("unreachable")),
        trap("a host function on the way in", giving("(drop (call $deadline)) i32.const 65536")),
        Case::new("memory for ever", Ends::Late, giving("(loop $on (br $on)) i32.const 0")),
        Case::new("memory by calling itself", Ends::Stack, {
            giving("(i32.add (i32.const 8) (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))")
        }),
        Case::new("all the memory for one text", Ends::Memory, {
            giving("(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) i32.const -1")
        }),
    ]
}

/// What runs when the answer was read.
fn endings() -> Vec<Case> {
    vec![
        trap("a trap after the answer", Guest::answering().afterwards("unreachable")),
        Case::new("a loop after the answer", Ends::Late, Guest::answering().afterwards("(loop $on (br $on))")),
        trap("a host function after the answer", Guest::answering().afterwards("(drop (call $deadline))")),
    ]
}
