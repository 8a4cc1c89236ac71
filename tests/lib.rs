//! The tests are in `e2e/`.
