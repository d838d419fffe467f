//! Running vswitchd, and what operators ask of it.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use model::vswitch::{Count, FdbEntry, NeighbourShown, Place, Shown, TunnelShown, Wanted};
use serde::Serialize;
use vswitchd::{Answer, Conversation, Device, Request, Settings};
use wire::Mac;

use crate::serve;

/// Frames of the kernel's own making carry it: a locally administered address that nobody has.
const SOMEBODY: Mac = Mac([0x02, 0, 0, 0, 0, 0x01]);

#[derive(Subcommand)]
pub enum VswitchCommand {
    /// Makes the switch what a file says, and nothing besides; `-` reads the standard input
    Apply {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Shows ports, underlays and networks
    Show(Format),
    /// Prints what the switch is to be, as `apply` takes it
    Wanted,
    /// Lists tunnels: where their packets go, and what went
    Tunnels(Format),
    /// Lists neighbours of tunnels: their MACs, and who waits for them
    Neigh(Format),
    /// Lists MACs and where they are
    Fdb {
        /// Only of this network
        #[arg(long, value_name = "NAME")]
        network: Option<String>,
        /// The most to show
        #[arg(long, default_value_t = 1000, value_name = "N")]
        limit: usize,
        #[command(flatten)]
        format: Format,
    },
    /// Tells what would happen to a frame of a port; nothing is sent or learned
    Trace(TraceArgs),
    /// Counts frames by port, and those that went no further by reason
    Stats(Format),
}

#[derive(Args, Clone, Copy)]
pub struct Format {
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct TraceArgs {
    /// The port or underlay that it comes from
    #[arg(value_name = "PORT")]
    port: String,
    /// The frame as hexadecimal digits
    #[arg(long, value_name = "HEX", required_unless_present = "to")]
    frame: Option<String>,
    /// A frame of no protocol to this MAC, instead
    #[arg(long, value_name = "MAC", conflicts_with = "frame")]
    to: Option<String>,
    /// And from this one
    #[arg(long, value_name = "MAC", requires = "to")]
    from: Option<String>,
}

/// Runs the process until it is told to end.
pub async fn serve(settings: Settings) -> anyhow::Result<()> {
    serve::until_told("vswitchd", "devices stay as they are", |stopping| vswitchd::run(settings, stopping))
        .await
}

pub async fn run(command: &VswitchCommand, settings: &Settings) -> anyhow::Result<ExitCode> {
    // What is wrong with a file is said without anybody to apply it.
    let wanted = match command {
        VswitchCommand::Apply { file } => Some(read(file)?),
        _ => None,
    };
    let mut client = Conversation::open(&settings.socket).await?;
    match command {
        VswitchCommand::Apply { .. } => {
            let wanted = Box::new(wanted.unwrap_or_default());
            match client.ask(&Request::Apply { wanted }).await? {
                Answer::Applied => {}
                other => return misunderstood(&other),
            }
            for (name, device) in shown(&mut client).await?.1 {
                if let Some(why) = device.closed {
                    eprintln!("{name} carries no frames: {why}");
                }
            }
        }
        VswitchCommand::Wanted => match client.ask(&Request::Wanted).await? {
            Answer::Wanted { wanted } => serve::print(serde_json::to_string_pretty(&wanted)?)?,
            other => return misunderstood(&other),
        },
        VswitchCommand::Show(format) => {
            let (shown, devices) = shown(&mut client).await?;
            let both = format!("{}\n\n{}", ports(&shown, &devices), networks(&shown));
            put(*format, &(&shown.ports, &shown.networks, &devices), both)?;
        }
        VswitchCommand::Tunnels(format) => {
            let (shown, _) = shown(&mut client).await?;
            put(*format, &shown.tunnels, tunnels(&shown.tunnels).to_string())?;
        }
        VswitchCommand::Neigh(format) => {
            let (shown, _) = shown(&mut client).await?;
            put(*format, &shown.neighbours, neighbours(&shown.neighbours).to_string())?;
        }
        VswitchCommand::Stats(format) => {
            let (shown, devices) = shown(&mut client).await?;
            let all = [frames(&shown, &devices), drops(&shown), fast_path(&shown)];
            let all = all.map(|table| table.to_string()).join("\n\n");
            let fast = (shown.fast_flows, shown.fast_frames);
            put(*format, &(&shown.ports, &devices, &shown.drops, fast), all)?;
        }
        VswitchCommand::Fdb { network, limit, format } => {
            let request = Request::Fdb { network: network.clone(), limit: *limit };
            match client.ask(&request).await? {
                Answer::Fdb { entries, more } => {
                    let rest = if more > 0 { format!("\nand {more} more") } else { String::new() };
                    put(*format, &entries, format!("{}{rest}", fdb(&entries)))?;
                }
                other => return misunderstood(&other),
            }
        }
        VswitchCommand::Trace(asked) => {
            let request = Request::Trace { port: asked.port.clone(), frame: asked.frame()? };
            match client.ask(&request).await? {
                Answer::Trace { stages } => serve::print(stages.join("\n"))?,
                other => return misunderstood(&other),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn misunderstood(answer: &Answer) -> anyhow::Result<ExitCode> {
    bail!("vswitchd answered something else: {answer:?}")
}

async fn shown(client: &mut Conversation) -> anyhow::Result<(Shown, BTreeMap<String, Device>)> {
    match client.ask(&Request::Show).await? {
        Answer::Shown { shown, devices } => Ok((*shown, devices)),
        other => bail!("vswitchd answered something else: {other:?}"),
    }
}

fn read(file: &Path) -> anyhow::Result<Wanted> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("cannot read the standard input")?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    serde_json::from_str(&text).with_context(|| format!("{} is not what a switch can be", file.display()))
}

impl TraceArgs {
    fn frame(&self) -> anyhow::Result<Vec<u8>> {
        if let Some(hex) = &self.frame {
            let digits: Vec<u8> = hex.bytes().filter(|byte| !b" :\n".contains(byte)).collect();
            let pairs = digits.chunks(2).map(|pair| {
                let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2);
                pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())
            });
            return pairs
                .collect::<Option<_>>()
                .context("--frame takes hexadecimal digits, two for each byte");
        }
        let mac = |text: &str| text.parse::<Mac>().with_context(|| format!("'{text}' is not a MAC"));
        let to = mac(self.to.as_deref().unwrap_or_default())?;
        let from = self.from.as_deref().map_or(Ok(SOMEBODY), mac)?;
        // For experiments (IEEE 802).
        let ethertype = [0x88, 0xb5];
        let mut frame = [&to.0[..], &from.0, &ethertype].concat();
        frame.resize(60, 0);
        Ok(frame)
    }
}

fn put(format: Format, json: &impl Serialize, text: String) -> anyhow::Result<()> {
    serve::print(if format.json { serde_json::to_string_pretty(json)? } else { text })
}

fn plain(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn ports(shown: &Shown, devices: &BTreeMap<String, Device>) -> Table {
    let mut table = plain(&["device", "network", "state"]);
    for port in &shown.ports {
        let state = match devices.get(&port.name) {
            Some(Device { closed: None, .. }) => "open".to_owned(),
            Some(Device { closed: Some(why), .. }) => format!("closed: {why}"),
            None => "closed".to_owned(),
        };
        let network = port.network.clone().unwrap_or_else(|| "(underlay)".to_owned());
        table.add_row([port.name.clone(), network, state]);
    }
    table
}

fn networks(shown: &Shown) -> Table {
    let mut table = plain(&["network", "ports", "tunnels", "written", "learned", "moved", "flooded"]);
    for network in &shown.networks {
        let tunnels: Vec<String> =
            network.tunnels.iter().map(|(name, vni)| format!("{name} ({})", vni)).collect();
        table.add_row([
            network.name.clone(),
            network.ports.join(", "),
            tunnels.join(", "),
            network.entries.to_string(),
            network.learned.to_string(),
            network.moved.to_string(),
            network.flooded_frames.to_string(),
        ]);
    }
    table
}

fn tunnels(tunnels: &[TunnelShown]) -> Table {
    let header =
        ["tunnel", "type", "local", "remote", "next hop", "device", "inner MTU", "sent", "received", ""];
    let mut table = plain(&header);
    for tunnel in tunnels {
        table.add_row([
            tunnel.name.clone(),
            format!("{:?}", tunnel.kind).to_lowercase(),
            tunnel.local.to_string(),
            tunnel.remote.to_string(),
            or_dash(tunnel.next_hop),
            or_dash(tunnel.device.as_ref()),
            or_dash(tunnel.inner_mtu_bytes),
            tunnel.sent_frames.to_string(),
            tunnel.received_frames.to_string(),
            tunnel.why.clone().unwrap_or_default(),
        ]);
    }
    table
}

fn neighbours(neighbours: &[NeighbourShown]) -> Table {
    let header = [
        "neighbour",
        "device",
        "MAC",
        "state",
        "age",
        "hits",
        "misses",
        "waiting",
        "sent after",
        "expired",
        "pushed out",
        "asked",
        "answered",
        "moved",
        "tunnels",
    ];
    let mut table = plain(&header);
    for neighbour in neighbours {
        table.add_row([
            neighbour.ip.to_string(),
            neighbour.device.clone(),
            or_dash(neighbour.mac),
            neighbour.state.clone(),
            or_dash(neighbour.age_ms.map(|ms| format!("{:.1} s", ms as f64 / 1000.0))),
            neighbour.hits.to_string(),
            neighbour.misses.to_string(),
            neighbour.waiting_frames.to_string(),
            neighbour.released.to_string(),
            neighbour.expired.to_string(),
            neighbour.pushed_out.to_string(),
            neighbour.questions.to_string(),
            neighbour.answers.to_string(),
            neighbour.moved.to_string(),
            neighbour.tunnels.to_string(),
        ]);
    }
    table
}

fn fdb(entries: &[FdbEntry]) -> Table {
    let mut table = plain(&["network", "MAC", "at", "age"]);
    for entry in entries {
        let place = match &entry.place {
            Place::Port(name) => format!("port {name}"),
            Place::Tunnel(name) => format!("tunnel {name}"),
        };
        let age = entry.age_ms.map(|ms| format!("{:.1} s", ms as f64 / 1000.0));
        let age = age.unwrap_or_else(|| "written".to_owned());
        table.add_row([entry.network.clone(), entry.mac.to_string(), place, age]);
    }
    table
}

fn frames(shown: &Shown, devices: &BTreeMap<String, Device>) -> Table {
    let header = ["device", "received", "bytes", "no room", "sent", "bytes", "not taken"];
    let mut table = plain(&header);
    for port in &shown.ports {
        let device = devices.get(&port.name).cloned().unwrap_or_default();
        table.add_row([
            port.name.clone(),
            port.received_frames.to_string(),
            port.received_bytes.to_string(),
            device.lost_received.to_string(),
            port.sent_frames.to_string(),
            port.sent_bytes.to_string(),
            device.lost_sent.to_string(),
        ]);
    }
    table
}

fn drops(shown: &Shown) -> Table {
    let mut table = plain(&["went no further", "frames"]);
    for Count { what, times } in &shown.drops {
        table.add_row([what.clone(), times.to_string()]);
    }
    table.add_row(["(waiting for a neighbour)".to_owned(), shown.waiting_frames.to_string()]);
    table
}

fn fast_path(shown: &Shown) -> Table {
    let mut table = plain(&["fast path", "flows", "frames"]);
    table.add_row(["now, and ever".to_owned(), shown.fast_flows.to_string(), shown.fast_frames.to_string()]);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(frame: Option<&str>, to: Option<&str>) -> TraceArgs {
        let text = |text: Option<&str>| text.map(str::to_owned);
        TraceArgs { port: "p".into(), frame: text(frame), to: text(to), from: None }
    }

    #[test]
    fn a_frame_is_given_by_its_bytes_or_by_whom_it_is_for() {
        assert_eq!(args(Some("00:ff 1a"), None).frame().expect("good"), [0, 0xff, 0x1a]);
        for wrong in ["0", "0x", "zz", "0é"] {
            assert!(args(Some(wrong), None).frame().is_err(), "{wrong}");
        }
        let frame = args(None, Some("fa:16:3e:00:00:01")).frame().expect("good");
        assert_eq!((&frame[..6], frame.len()), (&[0xfa, 0x16, 0x3e, 0, 0, 1][..], 60));
        assert!(args(None, Some("fa:16")).frame().is_err());
    }

    #[test]
    fn all_tables_have_as_many_columns_as_names() {
        let shown = Shown { drops: vec![Count { what: "no way".into(), times: 3 }], ..Shown::default() };
        assert!(drops(&shown).to_string().contains("no way"));
        let neighbour = NeighbourShown {
            device: "eth0".into(),
            ip: [192, 0, 2, 1].into(),
            mac: None,
            state: "incomplete".into(),
            age_ms: None,
            hits: 0,
            misses: 7,
            waiting_frames: 7,
            waiting_bytes: 700,
            released: 0,
            expired: 0,
            pushed_out: 0,
            questions: 2,
            answers: 0,
            moved: 0,
            tunnels: 1,
        };
        let table = neighbours(&[neighbour]);
        let rows: Vec<usize> = table.row_iter().map(|row| row.cell_count()).collect();
        assert_eq!(rows, [15]);
    }
}
