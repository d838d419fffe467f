//! Many ports at once. Times are printed, not asserted.

use std::net::IpAddr;
use std::time::Instant;

use model::PortId;
use model::desired::{Part, Port, Remote};
use model::report::State;
use uuid::Uuid;
use wire::Mac;

use crate::netns::place::{NET, Place, network, under};
use crate::netns::wait::eventually;

/// `NEUTRINO_SCALE_PORTS` asks for another number.
fn ports() -> u32 {
    std::env::var("NEUTRINO_SCALE_PORTS").ok().and_then(|n| n.parse().ok()).unwrap_or(200)
}

fn port(n: u32) -> Port {
    let [_, b, c, d] = n.to_be_bytes();
    Port {
        id: PortId(Uuid::from_u128(0x5ca1_e000_0000_4000_8000_0000_0000_0000 + (u128::from(n) << 88))),
        network_id: NET,
        mac: Mac([0xfa, 0x16, 0x3f, b, c, d]),
        fixed_ips: vec![IpAddr::from([10, 1, c, d]), IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 1, n as u16])],
        admin_state_up: true,
        allowed: Some(Vec::new()),
        trusted: false,
    }
}

fn remote(n: u32) -> Part {
    let Port { id, network_id, mac, fixed_ips, .. } = port(n + 0x8000);
    Part::Remote(Remote { port_id: id, network_id, mac, fixed_ips, tunnel_ip: Some(under(2)) })
}

#[tokio::test(flavor = "multi_thread")]
async fn many_ports_are_wired_in_one_go() {
    let Some(place) = Place::new() else { return };
    let many = ports();
    place.netns("guests");
    let guests = place.path("guests");
    let mut script = String::new();
    for n in 1..=many {
        let tap = host::names::tap(port(n).id);
        script += &format!("link add {tap} type veth peer name g{n} netns {}\n", guests.display());
    }
    place.batch("one", &script);
    let parts: Vec<Part> = (1..=many).flat_map(|n| [Part::Port(port(n)), remote(n)]).collect();
    let all = parts.len() + 1;
    let agent = place.run(place.config("one"));
    eventually("agent runs", || place.server.agents("one"), |a| !a.is_empty()).await;
    let up = || {
        let outcomes = place.server.outcomes("one");
        outcomes.iter().filter(|outcome| outcome.state == State::Up).count()
    };
    let (start, cpu) = (Instant::now(), cpu_ms());
    place.server.put("one", parts.into_iter().chain([network(&["two"])]));
    eventually("all up", up, |n| *n == all).await;
    println!("{many} ports and {many} remotes wired: {:?}, {} ms CPU", start.elapsed(), cpu_ms() - cpu);

    let key = Part::Port(port(1)).key();
    let mut off = port(1);
    off.admin_state_up = false;
    let (start, cpu) = (Instant::now(), cpu_ms());
    place.server.put("one", [Part::Port(off)]);
    eventually("down", || place.server.state("one", key), |s| *s == Some(State::Down)).await;
    println!("one more change among them: {:?}, {} ms CPU", start.elapsed(), cpu_ms() - cpu);

    agent.stop().await;
    let (start, cpu) = (Instant::now(), cpu_ms());
    let since = place.server.forget_outcomes("one");
    let _agent = place.run(place.config("one"));
    eventually("all told", || place.server.outcomes("one").len(), |n| *n == since).await;
    println!("restart with nothing to do: {:?}, {} ms CPU", start.elapsed(), cpu_ms() - cpu);
}

/// CPU time of this process and of the programs it waited for.
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("stat");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    // utime, stime, cutime, cstime in ticks of 10 ms.
    fields[11..15].iter().map(|ticks| ticks.parse::<u64>().expect("ticks") * 10).sum()
}
