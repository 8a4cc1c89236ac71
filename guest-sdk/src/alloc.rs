//! An allocator for instances that live for one call.
//!
//! The whole memory is thrown away after the call, so giving blocks back one by one is wasted work: memory is handed
//! out front to back. Only the last block can shrink, grow or go, which is what a growing `Vec` or `String` does.
#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::cell::Cell;
use core::ptr;

const PAGE: usize = 64 << 10;

/// Memory is asked for in pieces of at least 1 MiB: untouched pages cost nothing, each request costs a microsecond.
const STEP: usize = 16;

struct Bump {
    /// The first free byte.
    next: Cell<usize>,
    /// The end of the free region.
    end: Cell<usize>,
}

// SAFETY: the contract is built without threads (no shared memory, no spawn), so nothing is ever shared.
unsafe impl Sync for Bump {}

#[global_allocator]
static ALLOCATOR: Bump = Bump { next: Cell::new(0), end: Cell::new(0) };

impl Bump {
    /// Makes the bytes from `start` to `start + size` part of what is handed out; false if there is no memory.
    fn claim(&self, start: usize, size: usize) -> bool {
        match start.checked_add(size) {
            Some(end) if end <= self.end.get() => {
                self.next.set(end);
                true
            }
            _ => false,
        }
    }

    /// Gets `bytes` more from the host, at least; false if it refuses.
    fn grow(&self, bytes: usize) -> bool {
        let needed = bytes.div_ceil(PAGE);
        let grown = [needed.max(STEP), needed].into_iter().find_map(|pages| {
            let before = wasm32::memory_grow::<0>(pages);
            (before != usize::MAX).then_some((before, pages))
        });
        let Some((before, pages)) = grown else {
            return false;
        };
        let start = before * PAGE;
        // The C library has an allocator of its own, which may have grown the memory in between: a gap is left to it.
        if start != self.end.get() {
            self.next.set(start);
        }
        // The very last page ends at 2^32, one more than a pointer can say.
        self.end.set(start.saturating_add(pages * PAGE));
        true
    }
}

// SAFETY: blocks are cut from memory that `memory.grow` gave to this allocator alone, never overlap (`next` only moves
// back over the last block, when that is freed or shrunk), and start at a multiple of the layout's alignment.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        loop {
            let Some(start) = self.next.get().checked_next_multiple_of(layout.align()) else {
                return ptr::null_mut();
            };
            if self.claim(start, layout.size()) {
                return ptr::with_exposed_provenance_mut(start);
            }
            // With room for the alignment, since the new region need not follow the old one.
            let Some(bytes) = layout.size().checked_add(layout.align()) else {
                return ptr::null_mut();
            };
            if !self.grow(bytes) {
                return ptr::null_mut();
            }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if block.addr() + layout.size() == self.next.get() {
            self.next.set(block.addr());
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let is_last = block.addr() + layout.size() == self.next.get();
        if is_last && self.claim(block.addr(), new_size) || new_size <= layout.size() {
            return block;
        }
        // A region that continues the present one lets the last block grow where it is.
        if is_last && self.grow(new_size - layout.size()) && self.claim_after(block, layout, new_size) {
            return block;
        }
        // SAFETY: the caller gives a non-zero size that does not overflow with the same alignment, and `block` is
        // readable for the old size, which is smaller than the new one; a fresh block does not overlap it.
        unsafe {
            let fresh = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !fresh.is_null() {
                ptr::copy_nonoverlapping(block, fresh, layout.size());
            }
            fresh
        }
    }
}

impl Bump {
    /// Like `claim`, if `block` is still the last one, that is, if growing did not start a new region.
    fn claim_after(&self, block: *mut u8, layout: Layout, new_size: usize) -> bool {
        block.addr() + layout.size() == self.next.get() && self.claim(block.addr(), new_size)
    }
}
