//! What would happen to a frame, told stage by stage.

use std::fmt;

/// The stages that a frame passed, in order, and what each found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace(pub Vec<Step>);

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub stage: &'static str,
    pub found: String,
}

impl Trace {
    pub(crate) fn step(&mut self, stage: &'static str, found: impl fmt::Display) {
        self.0.push(Step { stage, found: found.to_string() });
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| writeln!(f, "{:<12} {}", step.stage, step.found))
    }
}
