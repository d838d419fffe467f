//! Many ports at once. Times are printed, not asserted.

use std::net::IpAddr;
use std::time::Instant;

use model::desired::{L3Mode, Part, Port, Remote, RouterPort};
use model::report::State;
use model::{PortId, RouterId};
use uuid::Uuid;
use wire::Mac;

use crate::netns::outside::{EXTERNAL, external, floating, router};
use crate::netns::place::{Guest, NET, Place, network, under};
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
        groups: None,
        qos: None,
        trunk: None,
        local_ips: Default::default(),
        logs: Default::default(),
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

/// `NEUTRINO_SCALE_ROUTERS` asks for another number.
fn routers() -> u16 {
    std::env::var("NEUTRINO_SCALE_ROUTERS").ok().and_then(|n| n.parse().ok()).unwrap_or(50)
}

/// One interface, a gateway and a floating IP.
fn small_router(n: u16) -> Part {
    let [high, low] = n.to_be_bytes();
    let leg = |kind: u8, network_id, net: String| RouterPort {
        port_id: PortId(Uuid::from_u128(u128::from(kind) << 120 | u128::from(n) << 88 | 0x4000_8000)),
        network_id,
        mac: Mac([0xfa, 0x16, 0x3e, kind, high, low]),
        addresses: vec![net.parse().expect("net")],
    };
    let mut router = router();
    router.id = RouterId(Uuid::from_u128(u128::from(n) << 96 | 0x4000_8000));
    router.interfaces.truncate(1);
    router.interfaces[0].port = leg(0xa1, NET, format!("10.9.{high}.{low}/16"));
    let gateway = router.gateway.as_mut().expect("a gateway");
    gateway.port = leg(0xe1, EXTERNAL, format!("172.16.{high}.{low}/16"));
    gateway.nexthops = vec![IpAddr::from([172, 16, 255, 254])];
    let mut floating = floating([172, 17, high, low], &Guest::nth(1));
    floating.fixed_ip = IpAddr::from([10, 9, 128 | high, low]);
    router.floating_ips = vec![floating];
    Part::Router(router)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_routers_are_made_in_one_go() {
    let Some(place) = Place::new() else { return };
    place.outside(&["one"]);
    let many = routers();
    place.server.put("one", [network(&[]), external()]);
    let mut config = place.routing("one", L3Mode::Legacy);
    config.sweep_interval_s = 600;
    let agent = place.run(config.clone());
    eventually("network up", || place.server.state("one", external().key()), |s| *s == Some(State::Up)).await;
    let up = || {
        let outcomes = place.server.outcomes("one");
        let up = outcomes.iter().filter(|o| o.router.is_some() && o.state == State::Up);
        up.count()
    };
    let (start, cpu) = (Instant::now(), cpu_ms());
    place.server.put("one", (1..=many).map(small_router));
    eventually("all up", up, |n| *n == usize::from(many)).await;
    println!("{many} routers made: {:?}, {} ms CPU", start.elapsed(), cpu_ms() - cpu);
    agent.stop().await;
    place.server.forget_outcomes("one");
    let (start, cpu) = (Instant::now(), cpu_ms());
    let _agent = place.run(config);
    eventually("all looked at", up, |n| *n == usize::from(many)).await;
    println!("{many} routers looked at: {:?}, {} ms CPU", start.elapsed(), cpu_ms() - cpu);
    let (start, cpu) = (Instant::now(), cpu_ms());
    place.server.put("one", [small_router(many + 1)]);
    eventually("one more", up, |n| *n == usize::from(many) + 1).await;
    println!("one more: {:?}, {} ms CPU", start.elapsed(), cpu_ms() - cpu);
    let (start, cpu) = (Instant::now(), cpu_ms());
    place.server.remove("one", (1..=many + 1).map(|n| small_router(n).key()));
    eventually("all gone", || place.netns_names("one"), |names| names.is_empty()).await;
    println!("{many} routers unmade: {:?}, {} ms CPU", start.elapsed(), cpu_ms() - cpu);
}

/// CPU time of this process and of the programs it waited for.
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("stat");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    // utime, stime, cutime, cstime in ticks of 10 ms.
    fields[11..15].iter().map(|ticks| ticks.parse::<u64>().expect("ticks") * 10).sum()
}
