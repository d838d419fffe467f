//! `neutrino-guest`: the program inside instances. Everything is in the library.

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "neutrino-guest", version, about, long_about = LONG, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: guest::Command,
}

const LONG: &str = "Installs software that is ordered for this instance.\n\n\
    Orders and files come from the gateway of the instance's network; no route leads anywhere else.\n\
    Examples:\n\n  \
    neutrino-guest run                        follow orders until stopped\n  \
    neutrino-guest once --trust-first         do what is ordered, then end\n  \
    neutrino-guest status                     what became of orders\n  \
    neutrino-guest unit >/etc/systemd/system/neutrino-guest.service";

fn main() -> ExitCode {
    match guest::run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("neutrino-guest: {error}");
            ExitCode::FAILURE
        }
    }
}
