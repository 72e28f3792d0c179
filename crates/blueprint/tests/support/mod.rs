//! What the tests of this crate share: catalogs from the corpus' facts, and from a few lines of text.

#![allow(clippy::unwrap_used)] // helpers of tests are tests
#![allow(dead_code)] // each test file is its own crate and uses a part of this

pub(crate) mod classes;
pub(crate) mod corpus;
pub(crate) mod sketch;
