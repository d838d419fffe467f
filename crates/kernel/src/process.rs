//! Programs run to their end, in the namespace of the calling thread.

use std::io::{self, Write};
use std::process::{Command, Stdio};

/// What a program that failed wrote to its error output.
#[derive(Debug)]
pub(crate) enum Failure {
    Start(io::Error),
    Said(String),
}

/// Runs a program on an input.
pub(crate) fn run(program: &str, arguments: &[&str], input: &str) -> Result<(), Failure> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Failure::Start)?;
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        // Written from beside, or a program that fills its error output first would wait forever.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
        child.wait_with_output().map_err(Failure::Start)
    })?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::Said(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
