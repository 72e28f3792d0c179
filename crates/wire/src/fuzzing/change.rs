//! Changes the files of a corpus at random and says which seed repeats it.

use std::fmt::Write;
use std::path::Path;

use fastrand::Rng;

/// How many inputs each test tries, unless `TENANTRY_FUZZ_INPUTS` says otherwise.
const INPUTS: u64 = 1_000_000;

/// Inputs do not grow beyond this; long ones say no more than short ones and take longer.
const INPUT_BYTES_MAX: usize = 4_096;

/// Numbers on which readers stumble.
const NUMBERS: [u32; 12] = [0, 1, 3, 4, 5, 0xff, 0x7fff, 0xffff, 0x3fff_ffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/// Letters and marks on which readers stumble.
const TOKENS: [&[u8]; 14] = [
    b"\0",
    b"\0\0",
    b"\xff\xff\xff\xff",
    b"\xc0\x80",
    b",",
    b"=",
    b",p=",
    b"r=",
    b"a=",
    b"m=",
    b"y,,",
    b"$",
    b"\n",
    b"_pq_.",
];

/// The files to begin with, by name.
pub(super) struct Corpus {
    pub(super) files: Vec<(String, Vec<u8>)>,
}

impl Corpus {
    pub(super) fn read(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut files: Vec<(String, Vec<u8>)> = entries
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
            .collect();
        // what libFuzzer found here is not of the corpus
        files.retain(|(name, _)| name.len() != 40 || !name.bytes().all(|b| b.is_ascii_hexdigit()));
        files.sort();
        assert!(!files.is_empty(), "the corpus {name} is empty");
        Self { files }
    }
}

/// Gives a body the corpus as it is, and then changed.
pub(super) fn run(name: &str, body: fn(&[u8])) {
    let corpus = Corpus::read(name);
    let seed = number("TENANTRY_FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
    let inputs = number("TENANTRY_FUZZ_INPUTS").unwrap_or(INPUTS);
    println!("{name}: TENANTRY_FUZZ_SEED={seed} TENANTRY_FUZZ_INPUTS={inputs}");
    let mut rng = Rng::with_seed(seed);
    corpus.files.iter().for_each(|(_, input)| shown(input, body));
    for _ in 0..inputs {
        shown(&changed(&corpus, &mut rng), body);
    }
}

/// Shows the input if the body panics on it.
fn shown(input: &[u8], body: fn(&[u8])) {
    struct Input<'i>(&'i [u8]);
    impl Drop for Input<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                let hex = self.0.iter().fold(String::new(), |mut text, byte| {
                    write!(text, "{byte:02x}").unwrap();
                    text
                });
                println!("the input, as xxd -r -p reads it: {hex}");
            }
        }
    }
    let input = Input(input);
    body(input.0);
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|e| panic!("{variable}: {e}")))
}

fn changed(corpus: &Corpus, rng: &mut Rng) -> Vec<u8> {
    let one = |rng: &mut Rng| corpus.files[rng.usize(..corpus.files.len())].1.as_slice();
    let mut input = one(rng).to_vec();
    // most of a long session is beside the point
    if input.len() > 128 && rng.bool() {
        let begin = message_start(&input, rng);
        input.drain(..begin);
        input.truncate(128 + rng.usize(..128));
    }
    for _ in 0..1 + rng.usize(..4) {
        let at = rng.usize(..=input.len());
        match rng.u8(..10) {
            0 => input.truncate(at),
            1 => set(&mut input, at, &[rng.u8(..)]),
            2 => set(&mut input, at, &[1 << rng.u8(..8)]),
            3 => set(&mut input, at, &NUMBERS[rng.usize(..NUMBERS.len())].to_be_bytes()),
            4 => set(&mut input, at, &NUMBERS[rng.usize(..NUMBERS.len())].to_be_bytes()[2..]),
            5 => drop(input.splice(at..at, TOKENS[rng.usize(..TOKENS.len())].iter().copied())),
            6 => drop(input.splice(at..at, std::iter::repeat_with(|| rng.u8(..)).take(8).collect::<Vec<_>>())),
            7 => drop(input.drain(at..input.len().min(at + 1 + rng.usize(..8)))),
            8 => {
                let other = one(rng);
                let from = rng.usize(..=other.len());
                let to = other.len().min(from + rng.usize(..64));
                drop(input.splice(at..at, other[from..to].iter().copied()));
            }
            _ => {
                let to = input.len().min(at + rng.usize(..32));
                let part = input[at..to].to_vec();
                drop(input.splice(at..at, part));
            }
        }
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

/// Where one of the messages begins, if it is a stream of messages.
fn message_start(input: &[u8], rng: &mut Rng) -> usize {
    let (mut at, skip) = (0, rng.usize(..24));
    for _ in 0..skip {
        match crate::header(&input[at..]) {
            Ok(Some(found)) if at + found.len < input.len() => at += found.len,
            _ => break,
        }
    }
    at
}

fn set(input: &mut [u8], at: usize, bytes: &[u8]) {
    input[at..].iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
}
