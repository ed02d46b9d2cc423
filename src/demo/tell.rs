//! The demo's voice: every line in Chinese and in English, a mark for every assertion, a progress line on a terminal.

use std::{
    io::{IsTerminal as _, Write as _},
    time::Duration,
};

use anstream::{AutoStream, ColorChoice, adapter::strip_str};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio::time::Instant;

/// An assertion and whether it held.
#[derive(Clone, Debug, Serialize)]
pub struct Assertion {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
    /// Whether it held.
    pub holds: bool,
}

/// Whether the progress line and what stands above it may be coloured: the bar writes past whatever strips colours.
fn colour() -> ColorChoice {
    AutoStream::choice(&std::io::stderr())
}

fn toned(text: &str, colour: ColorChoice) -> String {
    if colour == ColorChoice::Never { strip_str(text).to_string() } else { text.to_owned() }
}

/// Tells the story.
#[derive(Debug)]
pub struct Teller {
    began: Instant,
    silent: bool,
    bar: Option<ProgressBar>,
    /// Everything that was asserted.
    pub assertions: Vec<Assertion>,
}

impl Teller {
    /// Begins. `silent` says nothing at all (the result is printed as JSON); `headless` draws no progress line.
    pub fn begin(silent: bool, headless: bool, length: Duration) -> Self {
        let draw = !silent && !headless && std::io::stderr().is_terminal();
        let bar = draw.then(|| {
            let bar = ProgressBar::new(length.as_secs());
            let template = match colour() {
                ColorChoice::Never => "{bar:40} {pos}/{len} s  {msg}",
                _ => "{bar:40.cyan/dim} {pos}/{len} s  {msg}",
            };
            let style = ProgressStyle::with_template(template);
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { began: Instant::now(), silent, bar, assertions: Vec::new() }
    }

    /// How far the story is, for the progress line.
    pub fn at(&self, scheduled: Duration, zh: &str, en: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(scheduled.as_secs());
            bar.set_message(format!("{zh} · {en}"));
        }
    }

    /// One event.
    pub fn say(&self, zh: &str, en: &str) {
        let took = self.began.elapsed().as_secs_f32();
        self.line(&format!("\u{1b}[2m{took:>6.1}s\u{1b}[0m  {zh}\n         \u{1b}[2m{en}\u{1b}[0m"));
    }

    /// Asserts something, and says whether it holds.
    pub fn check(&mut self, holds: bool, zh: &str, en: &str) {
        let mark = if holds { "\u{1b}[32m✓\u{1b}[0m" } else { "\u{1b}[31;1m✗ 不成立 FAILED\u{1b}[0m" };
        self.line(&format!("         {mark} {zh}  \u{1b}[2m{en}\u{1b}[0m"));
        self.assertions.push(Assertion { zh: zh.to_owned(), en: en.to_owned(), holds });
    }

    /// A line as it is, above the progress line.
    pub fn line(&self, text: &str) {
        if self.silent {
            return;
        }
        match &self.bar {
            Some(bar) => bar.println(toned(text, colour())),
            // a reader that went away is no failure of the demo
            None => drop(writeln!(anstream::stdout().lock(), "{text}")),
        }
    }

    /// The story is over.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Whether everything held.
    pub fn all_hold(&self) -> bool {
        !self.assertions.is_empty() && self.assertions.iter().all(|assertion| assertion.holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colour_a_line_above_the_bar_is_plain() {
        let line = "\u{1b}[32m✓\u{1b}[0m 已受理";

        assert_eq!(toned(line, ColorChoice::Never), "✓ 已受理");
        assert_eq!(toned(line, ColorChoice::Always), line);
    }
}
