//! Choices, read from the bytes that a fuzzer makes up.

/// Reads choices from bytes; when they are used up, every choice is the first one, so that an input can be made shorter.
#[derive(Debug, Clone)]
pub struct Dice<'a> {
    bytes: &'a [u8],
}

impl<'a> Dice<'a> {
    /// Choices made by these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Whether choices are left.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Some byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *first
    }

    /// Heads or tails; heads when nothing is left.
    pub fn flip(&mut self) -> bool {
        self.byte().is_multiple_of(2)
    }

    /// A number below `end`, which is at most 65,536; 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let number = usize::from(u16::from_le_bytes([self.byte(), self.byte()]));
        number.checked_rem(end).unwrap_or(0)
    }

    /// One of these, of which there must be some.
    pub fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// At most `most` bytes as they are.
    pub fn take(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(most.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }
}
