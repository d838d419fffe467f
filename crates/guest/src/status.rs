//! What `neutrino-guest status` shows.

use std::path::Path;
use std::process::ExitCode;

use crate::{GuestError, kept};

pub fn print(folder: &Path, json: bool) -> Result<ExitCode, GuestError> {
    let kept = kept::read(folder)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&kept).expect("ids and texts are JSON"));
        return Ok(ExitCode::SUCCESS);
    }
    if kept.orders.is_empty() {
        println!("no orders");
    }
    for (order, report) in &kept.orders {
        let state = report.state.as_str();
        let more = match report.reason.is_empty() {
            true if report.state.has_ended() => String::new(),
            true => format!(" {} %", report.progress_percent),
            false => format!(": {}", report.reason),
        };
        println!("{order} {state}{more}");
    }
    Ok(ExitCode::SUCCESS)
}
