//! Progress while it works, and the table of what was shown.

use std::future::Future;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use comfy_table::{Cell, ContentArrangement, presets};
use indicatif::{ProgressBar, ProgressStyle};

/// Runs something that takes a while, and tells of it.
pub async fn working<T>(what: &str, work: impl Future<Output = T>) -> T {
    if !std::io::stderr().is_terminal() {
        eprintln!("{what} ...");
        return work.await;
    }
    let bar = ProgressBar::new_spinner().with_message(what.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    let done = work.await;
    bar.finish_and_clear();
    done
}

/// What was shown, line by line.
#[derive(Default)]
pub struct Table {
    rows: Vec<(String, Result<String, String>, Duration)>,
}

impl Table {
    /// Shows one thing; an error becomes a line too. True when it worked.
    pub async fn step(&mut self, what: &str, work: impl Future<Output = anyhow::Result<String>>) -> bool {
        let begun = Instant::now();
        let seen = working(what, work).await.map_err(|error| format!("{error:#}"));
        let passed = seen.is_ok();
        self.rows.push((what.to_owned(), seen, begun.elapsed()));
        passed
    }

    pub fn text(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        if !std::io::stdout().is_terminal() {
            table.set_width(120);
        }
        table.set_header(["shown", "", "seen", "time"]);
        for (what, seen, time) in &self.rows {
            let (mark, text) = match seen {
                Ok(text) => ("ok", text),
                Err(text) => ("FAILED", text),
            };
            let time = format!("{:.2} s", time.as_secs_f64());
            table.add_row([Cell::new(what), Cell::new(mark), Cell::new(text), Cell::new(time)]);
        }
        table.to_string()
    }
}
