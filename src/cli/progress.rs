//! Live progress: a spinner with a scrolling log on a terminal, plain lines otherwise.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::out;
use crate::engine::events::{Entry, Event};
use crate::engine::journal::Listener;
use crate::readable;
use crate::sessions::view::narrate;

/// Shows the entries of one investigation as they come, on standard error.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) =
                ProgressStyle::with_template("{spinner:.cyan} {wide_msg} {elapsed:.dim}")
            {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar }
    }

    pub(super) fn show(&self, entry: &Entry) {
        let Some(line) = narrate(&entry.event) else { return };
        let mark = match &entry.event {
            Event::PhaseStarted { .. } => "▸",
            Event::VerdictProposed { .. } | Event::TriageCompleted { .. } => "◆",
            event if event.is_terminal() => "■",
            _ => " ",
        };
        let line = format!("{mark} {}", readable::line(&line));
        if let Some(bar) = &self.bar {
            bar.set_message(line.clone());
        }
        self.note(&line);
    }

    /// Says something beside the events, without breaking the spinner.
    pub(super) fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(readable::line(text)),
            None => out::note(text),
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Listener for Progress {
    fn stored(&self, entries: &[Entry]) {
        entries.iter().for_each(|entry| self.show(entry));
    }
}
