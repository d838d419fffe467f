//! The command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::http::Address;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Follows orders until it is stopped
    Run(Settings),
    /// Does what is ordered at this moment, then ends; fails if any of it failed
    Once(Settings),
    /// Shows what became of orders
    Status {
        /// Where it keeps what it knows
        #[arg(long, value_name = "FOLDER", default_value = STATE)]
        state: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Prints a unit for systemd that runs it
    Unit {
        /// A script for /etc/init.d instead
        #[arg(long)]
        rc: bool,
    },
}

const STATE: &str = "/var/lib/neutrino-guest";

#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// Where the gateway is, by address; may repeat. Without it 169.254.169.254, then
    /// fe80::a9fe:a9fe on each device, port 8080
    #[arg(long, value_name = "URL")]
    pub gateway: Vec<Address>,
    /// Keys that are trusted, as /key.asc of the gateway has them; user data writes this file
    #[arg(long, value_name = "FILE", default_value = "/etc/neutrino-guest/key.asc")]
    pub key: PathBuf,
    /// Where there is no such file, trusts the keys that the gateway shows first
    #[arg(long)]
    pub trust_first: bool,
    /// Where it keeps what it knows, and files that it downloads
    #[arg(long, value_name = "FOLDER", default_value = STATE)]
    pub state: PathBuf,
    /// Archives are unpacked into NAME/VERSION below it
    #[arg(long, value_name = "FOLDER", default_value = "/opt")]
    pub folder: PathBuf,
    /// An archive becomes at most so large
    #[arg(long, value_name = "MIB", default_value_t = 16384)]
    pub max_unpacked_mib: u64,
    /// An installer is ended after so long
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..))]
    pub installer_s: u64,
    /// Asks the gateway to wait so long for another order
    #[arg(long, value_name = "SECONDS", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=50))]
    pub wait_s: u64,
}
