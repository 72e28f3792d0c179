//! What must hold of any bytes at all: one function per parser, run by the tests of this crate on changed inputs of the
//! corpus, and by libFuzzer (`fuzz/`) on whatever it finds.
//!
//! A function here panics if the promise is broken: a length that reaches beyond the input, or a message that, read and
//! written again, is another.

mod backend;
#[cfg(test)]
mod change;
mod frontend;
mod scram;
mod startup;

pub use backend::backend;
pub use frontend::frontend;
pub use scram::scram;
pub use startup::startup;

use crate::frame::{HEADER_BYTES, Header};
use crate::{MESSAGE_BYTES_MAX, WireError, header};

/// Walks through a stream of messages. Where one says it is longer than what is left, what is left is its body, so that
/// bodies are tried that were cut anywhere.
fn each_message(
    mut stream: &[u8],
    limit: usize,
    header_of: impl Fn(&[u8]) -> Result<Option<Header>, WireError>,
    mut with: impl FnMut(u8, &[u8]),
) {
    while let Ok(Some(found)) = header_of(stream) {
        assert!((HEADER_BYTES..=limit).contains(&found.len), "a length out of bounds: {found:?}");
        assert!(found.len > MESSAGE_BYTES_MAX || header(stream) == Ok(Some(found)), "the two headers differ");
        let (message, rest) = stream.split_at(found.len.min(stream.len()));
        with(found.tag, &message[HEADER_BYTES..]);
        stream = rest;
    }
}

/// The message of this type and body, as its writer should have written it.
fn whole(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("no input is that long");
    [&[tag], &length.to_be_bytes()[..], body].concat()
}

/// Writes with `write` behind something else, and compares.
fn same(tag: u8, body: &[u8], write: impl FnOnce(&mut Vec<u8>) -> Result<(), WireError>) {
    let mut out = vec![0xaa; 3];
    let expected = [&[0xaa; 3][..], &whole(tag, body)].concat();
    match write(&mut out) {
        Ok(()) => assert_eq!(out, expected, "read and written again, {} is another", char::from(tag)),
        // the input may be longer than a message of its type may be
        Err(WireError::TooLong { .. }) => assert_eq!(out.len(), 3, "what is refused leaves nothing"),
        Err(other) => panic!("what was read cannot be written: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::change::{Corpus, run};

    #[test]
    fn a_million_inputs_from_clients() {
        run("frontend", super::frontend);
    }

    #[test]
    fn a_million_inputs_from_servers() {
        run("backend", super::backend);
    }

    #[test]
    fn a_million_inputs_that_begin_a_connection() {
        run("startup", super::startup);
    }

    #[test]
    fn a_million_inputs_that_prove_a_password() {
        run("scram", super::scram);
    }

    /// An input that is refused at its first byte teaches nothing.
    #[test]
    fn the_corpus_is_read_whole() {
        for (name, mut bytes) in Corpus::read("frontend").files {
            while let Ok(Some(found)) = crate::frontend::header(&bytes) {
                assert_eq!(crate::frontend::check(found.tag, &bytes[5..found.len]), Ok(()), "{name}");
                bytes.drain(..found.len);
            }
            assert!(bytes.is_empty(), "{name}");
        }
        for (name, mut bytes) in Corpus::read("backend").files {
            while let Ok(Some(found)) = crate::backend::header(&bytes) {
                assert_eq!(crate::backend::check(found.tag, &bytes[5..found.len]), Ok(()), "{name}");
                bytes.drain(..found.len);
            }
            assert!(bytes.is_empty(), "{name}");
        }
        for (name, bytes) in Corpus::read("startup").files {
            let consumed = crate::frontend::startup(&bytes).map(|read| read.map(|(_, consumed)| consumed));
            let other_version = name == "version-2";
            assert_eq!(consumed.is_err(), other_version, "{name}");
            assert!(other_version || consumed == Ok(Some(bytes.len())), "{name}");
        }
        let accepted = |(name, bytes): (String, Vec<u8>)| super::scram::accepted(&bytes).map(|index| (name, index));
        let accepted: Vec<_> = Corpus::read("scram").files.into_iter().filter_map(accepted).collect();
        let expected = [("extension", 0), ("plain", 0), ("plus", 0), ("second", 1)];
        assert_eq!(accepted, expected.map(|(name, index)| (name.to_owned(), index)));
    }
}
