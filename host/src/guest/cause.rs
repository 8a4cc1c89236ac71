//! What the engine's and the validator's own words come down to. They speak of offsets, indices and type nodes; a person needs
//! to know what to do, so the words themselves go to the log alone.

/// What is wrong with a component that the engine does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// It needs a proposal that is off.
    Proposal,
    /// It is larger inside than the engine takes.
    TooLarge,
    /// It breaks WebAssembly's rules, or was damaged.
    Broken,
}

impl Cause {
    /// The cause behind an error's text. The engine has no kinds of errors that say it.
    pub(super) fn of(text: &str) -> Self {
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if says(&["enabled", "proposal", "not supported", "unsupported"]) {
            Self::Proposal
        } else if says(&["limit", "exceed", "too many", "too large", "too deep", "too big", "out of memory"]) {
            Self::TooLarge
        } else {
            Self::Broken
        }
    }

    /// The cause and the remedy for a component that is being compiled.
    pub(super) fn of_compiling(self) -> &'static str {
        match self {
            Self::Proposal => {
                "it uses a WebAssembly proposal that this host leaves off, such as 64-bit memory, tail calls or exceptions; build it with --target wasm32-wasip2 and without extra target features"
            }
            Self::TooLarge => {
                "it has more types, functions, locals or nesting than the compiler takes; make it smaller, or split its largest functions"
            }
            Self::Broken => {
                "its bytes are damaged or break WebAssembly's rules; build it anew (`wasm-tools validate` shows the place)"
            }
        }
    }

    /// The cause and the remedy for a component that was compiled and is being loaded.
    pub(super) fn of_loading(self) -> &'static str {
        match self {
            Self::Proposal | Self::Broken => {
                "what it imports and exports does not fit together; build it anew with the current wharf-sdk"
            }
            Self::TooLarge => {
                "it starts with more memory, tables, globals or instances than one call may have; make it smaller, or ask the operator to raise the limits under [guest]"
            }
        }
    }
}

/// An error's chain on one line, as it goes to the log.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_words_come_down_to_three_causes() {
        for (text, cause) in [
            ("tail calls support is not enabled (at offset 0x4d)", Cause::Proposal),
            ("memory64 must be enabled for 64-bit memories", Cause::Proposal),
            ("types count exceeds limit of 1000000 (at offset 0x1e)", Cause::TooLarge),
            ("too many locals: locals exceed maximum", Cause::TooLarge),
            ("type nesting is too deep", Cause::TooLarge),
            ("memory has a minimum byte size of 9 which exceeds the limit of 8 bytes", Cause::TooLarge),
            ("type mismatch: expected i32 but nothing on stack", Cause::Broken),
            ("invalid leading byte (0xff) for component type", Cause::Broken),
        ] {
            assert_eq!(Cause::of(text), cause, "{text}");
        }
    }
}
