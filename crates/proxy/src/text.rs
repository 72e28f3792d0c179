//! How a statement's text begins. Only speed and convenience are decided by it, never what a client may see: whatever
//! is misjudged here meets the same wall in the database.

/// What the first words of a statement say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// One query or change of rows: runs as well behind another statement of the same implicit transaction.
    Rows,
    /// `BEGIN` or `START TRANSACTION` alone, without modes.
    Begin,
    /// `SET LOCAL …` alone: ends with the transaction.
    SetLocal,
    /// `SET TRANSACTION …` alone: the same, and no query may come before it.
    SetTransaction,
    /// `SET [SESSION] name = value` alone.
    Set,
    /// `DEALLOCATE [PREPARE] ALL` alone.
    DeallocateAll,
    /// `DEALLOCATE [PREPARE] name` alone.
    Deallocate,
    /// `DISCARD ALL` alone.
    DiscardAll,
    /// `LISTEN …`.
    Listen,
    /// Nothing but white space and comments.
    Empty,
    /// Anything else.
    Other,
}

impl Opening {
    /// Looks at the beginning of a text.
    pub(crate) fn of(text: &[u8]) -> Self {
        let mut words = Words { rest: text };
        let Some(first) = words.word() else {
            return if words.at_end() { Self::Empty } else { Self::Other };
        };
        let is = |word: &[u8], keyword: &str| word.eq_ignore_ascii_case(keyword.as_bytes());
        if ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "VALUES", "MERGE", "TABLE"].iter().any(|k| is(first, k)) {
            return if words.is_single() { Self::Rows } else { Self::Other };
        }
        if is(first, "LISTEN") {
            return Self::Listen;
        }
        let second = words.word();
        if is(first, "BEGIN") {
            return match second {
                None if words.at_end() => Self::Begin,
                Some(word) if (is(word, "WORK") || is(word, "TRANSACTION")) && words.at_end() => Self::Begin,
                _ => Self::Other,
            };
        }
        match second {
            Some(word) if is(first, "START") && is(word, "TRANSACTION") && words.at_end() => Self::Begin,
            Some(word) if is(first, "SET") && is(word, "LOCAL") && words.is_single() => Self::SetLocal,
            Some(word) if is(first, "SET") && is(word, "TRANSACTION") && words.is_single() => Self::SetTransaction,
            Some(_) if is(first, "SET") && words.is_single() => Self::Set,
            Some(word) if is(first, "DISCARD") && is(word, "ALL") && words.at_end() => Self::DiscardAll,
            Some(word) if is(first, "DEALLOCATE") => {
                let name = if is(word, "PREPARE") { words.name() } else { Some(word.to_vec()) };
                match name {
                    Some(name) if is(&name, "ALL") && words.at_end() => Self::DeallocateAll,
                    Some(_) if words.at_end() => Self::Deallocate,
                    _ => Self::Other,
                }
            }
            None if is(first, "DEALLOCATE") && words.name().is_some() && words.at_end() => Self::Deallocate,
            _ => Self::Other,
        }
    }
}

/// Bytes of a statement in which the mode of its transaction is looked for.
const MODES_BYTES: usize = 128;

/// Whether a text begins a READ ONLY transaction, or makes the one that is open so.
pub(crate) fn begins_read_only(text: &[u8]) -> bool {
    let mut words = Words { rest: &text[..text.len().min(MODES_BYTES)] };
    let Some(first) = words.word() else { return false };
    if !["BEGIN", "START", "SET"].iter().any(|k| first.eq_ignore_ascii_case(k.as_bytes())) {
        return false;
    }
    let mut before = first;
    if before.eq_ignore_ascii_case(b"SET") && !words.word().is_some_and(|w| w.eq_ignore_ascii_case(b"TRANSACTION")) {
        return false;
    }
    loop {
        while words.take(b',') {}
        let Some(word) = words.word() else { return false };
        if word.eq_ignore_ascii_case(b"ONLY") && before.eq_ignore_ascii_case(b"READ") {
            return true;
        }
        before = word;
    }
}

/// The name a `DEALLOCATE` gives, as the server would fold it.
pub(crate) fn deallocated(text: &[u8]) -> Option<Vec<u8>> {
    let mut words = Words { rest: text };
    words.word()?;
    let name = words.name()?;
    if name.eq_ignore_ascii_case(b"PREPARE") && !words.at_end() { words.name() } else { Some(name) }
}

/// The setting and the value of a `SET [SESSION] name {=|TO} value`, where the value is one literal, word or number.
pub(crate) fn setting(text: &[u8]) -> Option<(Box<str>, Box<str>)> {
    let mut words = Words { rest: text };
    words.word().filter(|w| w.eq_ignore_ascii_case(b"SET"))?;
    let mut name = words.name()?;
    if name == b"session" {
        name = words.name()?;
        if name == b"characteristics" {
            return characteristics(&mut words);
        }
    }
    while words.take(b'.') {
        name.push(b'.');
        name.extend(words.name()?);
    }
    if !words.take(b'=') && !words.word()?.eq_ignore_ascii_case(b"TO") {
        return None;
    }
    let value = words.value()?;
    let known = words.at_end() && !value.eq_ignore_ascii_case(b"DEFAULT");
    known.then(|| Some((utf8(&name)?, utf8(&value)?)))?
}

/// `SET SESSION CHARACTERISTICS AS TRANSACTION {ISOLATION LEVEL … | READ ONLY | READ WRITE}`.
fn characteristics(words: &mut Words<'_>) -> Option<(Box<str>, Box<str>)> {
    let mut said = Vec::new();
    while let Some(word) = words.word() {
        said.push(utf8(word)?.to_ascii_lowercase());
    }
    if !words.at_end() {
        return None;
    }
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    let (name, value) = match said.as_slice() {
        ["as", "transaction", "isolation", "level", level @ ..] => ("default_transaction_isolation", level.join(" ")),
        ["as", "transaction", "read", "only"] => ("default_transaction_read_only", "on".to_owned()),
        ["as", "transaction", "read", "write"] => ("default_transaction_read_only", "off".to_owned()),
        _ => return None,
    };
    Some((name.into(), value.into()))
}

fn utf8(bytes: &[u8]) -> Option<Box<str>> {
    std::str::from_utf8(bytes).ok().map(Into::into)
}

/// Reads words, passing over white space and comments.
pub(crate) struct Words<'t> {
    pub(crate) rest: &'t [u8],
}

impl<'t> Words<'t> {
    /// Passes over white space and comments.
    pub(crate) fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_ascii_start();
            // vertical tab is white space to the server, not to Rust
            if let Some(rest) = self.rest.strip_prefix(b"\x0b") {
                self.rest = rest;
            } else if let Some(rest) = self.rest.strip_prefix(b"--") {
                let end = rest.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(rest.len());
                self.rest = &rest[end..];
            } else if self.rest.starts_with(b"/*") {
                let Some(end) = comment_end(self.rest) else {
                    self.rest = &[];
                    return;
                };
                self.rest = &self.rest[end..];
            } else {
                return;
            }
        }
    }

    /// The next bare word; `None` (and nothing taken) where there is something else.
    pub(crate) fn word(&mut self) -> Option<&'t [u8]> {
        self.skip();
        let end = self.rest.iter().position(|b| !is_name(*b)).unwrap_or(self.rest.len());
        if end == 0 || self.rest[0].is_ascii_digit() {
            return None;
        }
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(word)
    }

    /// A name: a bare word folded to lower case, or what stands in double quotes.
    pub(crate) fn name(&mut self) -> Option<Vec<u8>> {
        if let Some(word) = self.word() {
            return Some(word.to_ascii_lowercase());
        }
        self.quoted(b'"')
    }

    /// What stands between two of these quotes, doubled ones made single.
    pub(crate) fn quoted(&mut self, quote: u8) -> Option<Vec<u8>> {
        self.skip();
        let mut rest = self.rest.strip_prefix(&[quote])?;
        let mut text = Vec::new();
        loop {
            let end = rest.iter().position(|b| *b == quote)?;
            text.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix(&[quote]) {
                Some(after) => {
                    text.push(quote);
                    rest = after;
                }
                None => break,
            }
        }
        self.rest = rest;
        Some(text)
    }

    /// A literal in single quotes, a word as it is written, or a number.
    pub(crate) fn value(&mut self) -> Option<Vec<u8>> {
        if let Some(text) = self.quoted(b'\'') {
            return Some(text);
        }
        if let Some(word) = self.word() {
            return Some(word.to_vec());
        }
        let end = self.rest.iter().position(|b| !b.is_ascii_digit() && !b"-.".contains(b)).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!number.is_empty()).then(|| number.to_vec())
    }

    /// Takes one character if it comes next.
    pub(crate) fn take(&mut self, character: u8) -> bool {
        self.skip();
        match self.rest.strip_prefix(&[character]) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Whether nothing follows but semicolons.
    pub(crate) fn at_end(&mut self) -> bool {
        while self.take(b';') {}
        self.rest.is_empty()
    }

    /// Whether no second statement can follow: no semicolon but at the very end.
    fn is_single(&self) -> bool {
        let text = self.rest.trim_ascii_end();
        let text = text.strip_suffix(b";").unwrap_or(text);
        !text.contains(&b';')
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// Length of a comment, nested ones included; `None` if it does not end.
pub(crate) fn comment_end(text: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0_usize);
    while at < text.len() {
        if text[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += 1;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_that_cannot_write() {
        for text in [
            "BEGIN READ ONLY",
            "begin transaction isolation level repeatable read, read only",
            "START TRANSACTION READ /* x */ ONLY;",
            "SET TRANSACTION READ ONLY",
        ] {
            assert!(begins_read_only(text.as_bytes()), "{text}");
        }
        for text in ["BEGIN", "BEGIN READ WRITE", "SELECT 1 READ ONLY", "SET x = 'READ ONLY'", "SET LOCAL a TO b", ""] {
            assert!(!begins_read_only(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn openings() {
        use Opening::*;
        for (text, opening) in [
            ("SELECT 1", Rows),
            ("SELECT 1;", Rows),
            ("SELECT 1; VACUUM t", Other),
            ("  -- why\n /* a /* b */ c */ select 1", Rows),
            ("(SELECT 1)", Other),
            ("BEGIN", Begin),
            ("begin work;", Begin),
            ("BEGIN; SELECT 1", Other),
            ("BEGIN ISOLATION LEVEL SERIALIZABLE", Other),
            ("START TRANSACTION", Begin),
            ("START TRANSACTION READ ONLY", Other),
            ("SET LOCAL app.tenant_id = 'a'", SetLocal),
            ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", SetTransaction),
            ("SET LOCAL app.tenant_id = 'a;b'", Other),
            ("SET LOCAL x = 1; SET y = 2", Other),
            ("SET x = 1", Set),
            ("SET x = 1; SELECT 2", Other),
            ("DEALLOCATE ALL", DeallocateAll),
            ("DEALLOCATE PREPARE ALL;", DeallocateAll),
            ("deallocate \"Name\"", Deallocate),
            ("DEALLOCATE pdo_stmt_1", Deallocate),
            ("DEALLOCATE a; SELECT 1", Other),
            ("DISCARD ALL", DiscardAll),
            ("DISCARD PLANS", Other),
            ("LISTEN x", Listen),
            (" ; -- nothing", Empty),
            ("/* no end", Empty),
            ("1", Other),
        ] {
            assert_eq!(Opening::of(text.as_bytes()), opening, "{text}");
        }
    }

    #[test]
    fn settings_of_a_session() {
        for (text, expected) in [
            ("SET extra_float_digits = 3", Some(("extra_float_digits", "3"))),
            ("set session search_path to 'a, b';", Some(("search_path", "a, b"))),
            ("SET application_name = 'PostgreSQL JDBC Driver'", Some(("application_name", "PostgreSQL JDBC Driver"))),
            (
                "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ",
                Some(("default_transaction_isolation", "repeatable read")),
            ),
            ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", Some(("default_transaction_read_only", "on"))),
            ("SET search_path TO a, b", None),
            ("SET x TO DEFAULT", None),
            ("SET LOCAL x = 1", None),
            ("SET TIME ZONE 'UTC'", None),
        ] {
            let found = setting(text.as_bytes());
            assert_eq!(found.as_ref().map(|(n, v)| (&**n, &**v)), expected, "{text}");
        }
    }

    #[test]
    fn the_name_of_a_deallocate() {
        for (text, name) in
            [("DEALLOCATE Abc", "abc"), ("DEALLOCATE PREPARE \"A\"\"b\";", "A\"b"), ("DEALLOCATE prepare", "prepare")]
        {
            assert_eq!(deallocated(text.as_bytes()).as_deref(), Some(name.as_bytes()), "{text}");
        }
    }
}
