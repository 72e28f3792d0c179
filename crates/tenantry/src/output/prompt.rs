//! Questions on a terminal. Each has a flag that answers it for scripts.

use std::io::{BufRead, IsTerminal, Write};

use super::Output;
use crate::errors::Failure;

impl Output {
    /// Asks whether to go on. With `yes`, or a `yes` typed, it goes on; where nobody can answer it refuses.
    pub(crate) fn confirm(&self, question: &str, yes: bool) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return Err(Failure::caller("this needs a confirmation and there is no terminal to ask on")
                .code("needs-confirmation")
                .remedy("read what it will do, then add --yes"));
        }
        let mut answer = String::new();
        // a prompt nobody sees gets no answer, which is a no
        let _ = write!(std::io::stderr(), "{question} [y/N] ");
        let _ = std::io::stdin().lock().read_line(&mut answer);
        if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            return Ok(());
        }
        Err(Failure::caller("not confirmed: nothing was changed").code("needs-confirmation"))
    }
}
