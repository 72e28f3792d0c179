//! The form in which an answer is kept, and how it is spoken again.
//!
//! ```text
//! answer = 'A' | when it came, Unix milliseconds (8) | how old it was, seconds (8) | length of the head (4) | head | body
//! varies = 'V' | names of headers, joined by commas
//! ```

use std::time::Duration;

use bytes::Bytes;

use crate::digits::decimal;
use crate::h1::response::Answer;

const ANSWER: u8 = b'A';
const VARIES: u8 = b'V';
/// Bytes in front of the head.
const FRONT: usize = 21;

/// What was kept.
pub(super) enum Stored {
    Answer(Kept),
    /// It depends on these headers, under whose values it is kept.
    Varies(Vec<String>),
}

/// An answer.
pub(super) struct Kept {
    came: u64,
    age: u64,
    head: Bytes,
    body: Bytes,
}

/// The form of an answer.
pub(super) fn answer(answer: &Answer<'_>, body: &[u8], came: u64, age: Duration) -> Bytes {
    let mut head = Vec::with_capacity(512);
    head.extend_from_slice(b"HTTP/1.1 ");
    decimal(answer.status.into(), &mut head);
    head.push(b' ');
    head.extend_from_slice(crate::reply::reason(answer.status).as_bytes());
    head.extend_from_slice(b"\r\n");
    for header in answer.kept().filter(|h| !h.name.eq_ignore_ascii_case("age")) {
        head.extend_from_slice(header.name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(header.value);
        head.extend_from_slice(b"\r\n");
    }
    let mut out = Vec::with_capacity(FRONT + head.len() + body.len());
    out.push(ANSWER);
    out.extend_from_slice(&came.to_be_bytes());
    out.extend_from_slice(&age.as_secs().to_be_bytes());
    // a head is at most 128 KiB
    out.extend_from_slice(&(head.len() as u32).to_be_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(body);
    out.into()
}

/// The form of what says on which headers it depends.
pub(super) fn varies(names: &[String]) -> Bytes {
    let mut out = vec![VARIES];
    out.extend_from_slice(names.join(",").as_bytes());
    out.into()
}

/// Reads one; `None` for what is none.
pub(super) fn read(value: &Bytes) -> Option<Stored> {
    match *value.first()? {
        VARIES => {
            let names = std::str::from_utf8(&value[1..]).ok()?;
            Some(Stored::Varies(names.split(',').map(str::to_owned).collect()))
        }
        ANSWER => {
            let front = value.get(1..FRONT)?;
            let number = |from: usize| front[from..from + 8].try_into().map(u64::from_be_bytes).ok();
            let length = u32::from_be_bytes(front[16..].try_into().ok()?) as usize;
            let end = FRONT.checked_add(length).filter(|end| *end <= value.len())?;
            let (head, body) = (value.slice(FRONT..end), value.slice(end..));
            Some(Stored::Answer(Kept { came: number(0)?, age: number(8)?, head, body }))
        }
        _ => None,
    }
}

impl Kept {
    /// As the application would say it, on a connection that ends after it; `etags` are those the client has.
    pub(super) fn spoken(&self, etags: Option<&str>, now: u64) -> Bytes {
        let age = self.age + now.saturating_sub(self.came) / 1000;
        let mut out = Vec::with_capacity(self.head.len() + self.body.len() + 64);
        // of what is not there, or elsewhere, there is no version to have
        let is_known = self.head.starts_with(b"HTTP/1.1 200 ")
            && etags.is_some_and(|etags| self.etag().is_some_and(|own| matches(etags, own)));
        if is_known {
            out.extend_from_slice(b"HTTP/1.1 304 Not Modified\r\n");
            for line in lines(&self.head).skip(1).filter(|line| !is_about_body(line)) {
                out.extend_from_slice(line);
            }
        } else {
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b"Content-Length: ");
            decimal(self.body.len() as u64, &mut out);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"Age: ");
        decimal(age, &mut out);
        // never lent: no server is at its other end
        out.extend_from_slice(b"\r\nConnection: close\r\n\r\n");
        if !is_known {
            out.extend_from_slice(&self.body);
        }
        out.into()
    }

    fn etag(&self) -> Option<&str> {
        let value = lines(&self.head).find_map(|line| {
            let (name, value) = line.split_at_checked(5)?;
            name.eq_ignore_ascii_case(b"etag:").then_some(value)
        });
        std::str::from_utf8(value?).ok().map(str::trim)
    }
}

fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split_inclusive(|b| *b == b'\n')
}

fn is_about_body(line: &[u8]) -> bool {
    line.get(..8).is_some_and(|begin| begin.eq_ignore_ascii_case(b"content-"))
}

/// Whether one of the client's is ours, compared weakly.
fn matches(etags: &str, own: &str) -> bool {
    let opaque = |tag: &str| tag.trim().strip_prefix("W/").unwrap_or(tag.trim()).to_owned();
    etags.trim() == "*" || etags.split(',').any(|tag| opaque(tag) == opaque(own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h1::head::room;
    use crate::h1::response;

    fn kept(text: &str) -> Bytes {
        let mut room = room();
        let (end, _) = response::status_of(text.as_bytes()).unwrap().unwrap();
        let parsed = response::parse(&text.as_bytes()[..end], &mut room, false).unwrap();
        answer(&parsed, &text.as_bytes()[end..], 1_000, Duration::from_secs(3))
    }

    fn spoken(value: &Bytes, etags: Option<&str>) -> String {
        let Some(Stored::Answer(kept)) = read(value) else { panic!("no answer") };
        String::from_utf8(kept.spoken(etags, 6_000).to_vec()).unwrap()
    }

    #[test]
    fn it_is_spoken_as_it_was_said() {
        let value = kept(
            "HTTP/1.1 200 OK\r\nServer: x\r\nAge: 3\r\nETag: \"a\"\r\nContent-Type: b\r\nContent-Length: 2\r\n\r\nhi",
        );
        assert_eq!(
            spoken(&value, None),
            "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Type: b\r\nContent-Length: 2\r\nAge: 8\r\nConnection: close\r\n\r\nhi"
        );
        let short = "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nAge: 8\r\nConnection: close\r\n\r\n";
        for known in ["\"a\"", "\"b\", W/\"a\"", "*"] {
            assert_eq!(spoken(&value, Some(known)), short, "{known}");
        }
        assert!(spoken(&value, Some("\"b\"")).ends_with("hi"));
        let gone = kept("HTTP/1.1 404 Not Found\r\nETag: \"a\"\r\nContent-Length: 2\r\n\r\nhi");
        assert!(spoken(&gone, Some("\"a\"")).starts_with("HTTP/1.1 404 "));
    }

    #[test]
    fn what_is_none_is_none() {
        for wrong in ["", "x", "A", "A12345678", "A1234567812345678\u{0}\u{0}\u{0}\u{7f}x"] {
            assert!(read(&Bytes::copy_from_slice(wrong.as_bytes())).is_none(), "{wrong:?}");
        }
        let names = vec!["a".to_owned(), "b".to_owned()];
        assert!(matches!(read(&varies(&names)), Some(Stored::Varies(read)) if read == names));
    }
}
