//! Progress bars on standard error, when somebody looks.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Output;

/// A bar, or silence.
pub(crate) struct Progress {
    bar: ProgressBar,
    plain: Option<Output>,
}

impl Output {
    /// A bar of `total` parts (0 for a spinner); lines instead where nobody can watch a bar.
    pub(crate) fn progress(&self, total: u64) -> Progress {
        let bar = ProgressBar::new(total);
        let template =
            if total == 0 { "{spinner} {msg}" } else { "{bar:30} {pos}/{len} {elapsed_precise}  {wide_msg}" };
        // the templates above are constant; a bar without style is still a bar
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let show = self.is_interactive();
        bar.set_draw_target(if show { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() });
        Progress { bar, plain: (!show && self.is_human()).then_some(*self) }
    }
}

impl Progress {
    /// Says what is being done now.
    pub(crate) fn now(&self, message: impl Into<String>) {
        self.bar.set_message(message.into());
        self.bar.tick();
    }

    /// How many parts there are, where that is known only later.
    pub(crate) fn total(&self, total: u64) {
        self.bar.set_length(total);
    }

    /// So many parts are done.
    pub(crate) fn at(&self, done: u64) {
        self.bar.set_position(done);
    }

    /// One line that stays: above the bar, or on its own where there is none.
    pub(crate) fn line(&self, line: &str) {
        match self.plain {
            Some(output) => output.say(line),
            None => self.bar.println(line),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
