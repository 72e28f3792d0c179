//! How the corpora are written: one case a line, with escapes.

/// The lines that are no comments: verdict, and what is behind the blank.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).map(|l| l.split_once(' ').expect("a verdict"))
}

/// The bytes that a text with escapes stands for.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text.chars());
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match rest.next() {
            Some('r') => out.push(b'\r'),
            Some('n') => out.push(b'\n'),
            Some('t') => out.push(b'\t'),
            Some('0') => out.push(0),
            Some('\\') => out.push(b'\\'),
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                out.push(u8::from_str_radix(&digits, 16).expect("two hexadecimal digits"));
            }
            // of JSON
            Some(other) => out.extend_from_slice(format!("\\{other}").as_bytes()),
            None => panic!("an escape without an end: {text}"),
        }
    }
    out
}
