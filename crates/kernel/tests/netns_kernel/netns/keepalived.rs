//! Two hosts that stand ready for one router, of which one is active.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use host::keepalived::{Instance, Moving, state};
use host::nat::Nat;
use host::observed::Keepalived;
use host::op::{Inside, MAIN_TABLE, Route, Sysctl};
use host::{Observed, Op, Scope};
use kernel::{Kernel, netns};
use model::desired::{Ha, L3Mode, Router, RouterPort};
use model::report::HaState;
use model::{NetworkId, PortId, RouterId};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use uuid::Uuid;
use wire::Mac;

use crate::netns::inner::{QROUTER, inside, step};
use crate::netns::place::Place;
use crate::netns::traffic::{answer, ask, attach};

const ROUTER: RouterId = RouterId(Uuid::from_u128(1));
const FLOATING: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 5);
const PATIENCE: Duration = Duration::from_secs(30);

/// One of the hosts: a door of its own, to namespaces and states of its own.
struct Host {
    number: u8,
    netns_dir: PathBuf,
    state_dir: PathBuf,
    kernel: Kernel,
}

impl Host {
    async fn open(place: &Place, number: u8) -> Host {
        let dir = place.netns_dir().join(format!("host{number}"));
        let (netns_dir, state_dir) = (dir.join("netns"), dir.join("state"));
        let kernel = Kernel::open(Some(&place.path()), &netns_dir).expect("door");
        kernel.keep_state_in(&state_dir).await.expect("thread lives");
        Host { number, netns_dir, state_dir, kernel }
    }

    async fn done(&self, ops: Vec<host::Step>) {
        let failed = self.kernel.apply(ops).await.expect("thread lives");
        assert!(failed.is_empty(), "host {}: {failed:#?}", self.number);
    }

    async fn seen(&self) -> Observed {
        self.kernel.observe(&Scope::All).await.expect("seen")
    }

    async fn state(&self) -> HaState {
        let seen = self.seen().await;
        seen.namespaces.get(QROUTER).map_or(HaState::Unknown, |netns| state(&ha(self.number), "ha-1", netns))
    }

    fn pids(&self) -> [Pid; 2] {
        ["pid", "vrrp.pid"].map(|name| {
            let path = self.state_dir.join("ha").join(ROUTER.to_string()).join(name);
            let text = std::fs::read_to_string(path).expect("pid file");
            Pid::from_raw(text.trim().parse().expect("a number"))
        })
    }

    /// The namespace with its devices, and nothing that only an active host has.
    async fn build(&self) {
        let n = self.number;
        let mut steps = vec![step(Op::AddNetns { netns: QROUTER.into() })];
        steps.extend(inside([Inside::SetSysctl { name: Sysctl::Ipv4Forward, value: 1 }]));
        // The router's MACs are the same on both hosts; those of the way between them are not.
        let legs = [("inner", "qr-1", [2, 0, 0, 0, 1, 1]), ("outer", "qg-1", [2, 0, 0, 0, 1, 2])];
        for (bridge, peer, mac) in legs.into_iter().chain([("between", "ha-1", [2, 0, 0, 0, 2, n])]) {
            let device = format!("{peer}-{n}");
            let (netns, peer) = (QROUTER.into(), peer.to_owned());
            let up = Inside::SetUp { device: peer.clone() };
            steps.push(step(Op::AddVeth {
                device: device.clone(),
                netns,
                peer,
                peer_mac: Mac(mac),
                mtu_bytes: 1500,
            }));
            steps.push(step(Op::SetMaster { device: device.clone(), master: Some(bridge.into()) }));
            steps.push(step(Op::SetUp { device, up: true }));
            steps.extend(inside([up]));
        }
        let net = format!("169.254.192.{n}/18").parse().expect("net");
        steps.extend(inside([Inside::AddAddress { device: "ha-1".into(), net }]));
        let content = Nat {
            outside: "qg-1".into(),
            address: Some([203, 0, 113, 2].into()),
            enable_snat: true,
            hairpin: true,
            floating_ips: [(FLOATING, [10, 0, 0, 5].into())].into(),
            ..Nat::default()
        };
        steps.extend(inside([Inside::ReplaceTable { content }]));
        self.done(steps).await;
    }

    fn start(&self, more: &[Moving]) -> Vec<host::Step> {
        let instance = instance(self.number, more);
        vec![step(Op::StartKeepalived { netns: QROUTER.into(), router: ROUTER, instance })]
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Also when the test failed: nothing of it goes on.
        let stop = vec![step(Op::StopKeepalived { router: ROUTER })];
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
                runtime.block_on(async { drop(self.kernel.apply(stop).await) });
            });
        });
        if netns::id(&self.netns_dir.join(QROUTER)).is_ok() {
            netns::delete(&self.netns_dir, QROUTER).expect("deleted");
        }
    }
}

fn ha(number: u8) -> Ha {
    let port = RouterPort {
        port_id: PortId(Uuid::from_u128(u128::from(number))),
        network_id: NetworkId(Uuid::from_u128(9)),
        mac: Mac([2, 0, 0, 0, 2, number]),
        addresses: vec![format!("169.254.192.{number}/18").parse().expect("net")],
    };
    Ha { port, vr_id: 7, priority: 50, advert_int_s: 1 }
}

fn moving(net: &str, device: &str) -> Moving {
    Moving { net: net.parse().expect("net"), device: device.into() }
}

fn instance(number: u8, more: &[Moving]) -> Instance {
    let router = Router {
        id: ROUTER,
        mode: L3Mode::Legacy,
        may_be_lazy: false,
        distributed: false,
        central: true,
        serves_here: false,
        counts: Default::default(),
        interfaces: Vec::new(),
        gateway: None,
        floating_ips: Vec::new(),
        port_forwardings: Vec::new(),
        conntrack_helpers: Vec::new(),
        meters: Vec::new(),
        routes: Vec::new(),
        host_mac: None,
        ha: None,
    };
    let mut legs = vec![
        moving("10.0.0.1/24", "qr-1"),
        moving("fd00::1/64", "qr-1"),
        moving("203.0.113.2/24", "qg-1"),
        moving("203.0.113.5/32", "qg-1"),
    ];
    legs.extend_from_slice(more);
    let to = "0.0.0.0/0".parse().expect("net");
    let via = Some("203.0.113.100".parse().expect("address"));
    let route = Route { table: MAIN_TABLE, to, via, device: "qg-1".into(), onlink: false };
    Instance::new(&router, &ha(number), "ha-1", &legs, &[route])
}

/// `None`, said aloud, without the program or the right to run it.
async fn cloud() -> Option<(Place, [Host; 2])> {
    let place = Place::new()?;
    if Command::new("keepalived").arg("--version").output().is_err() {
        eprintln!("SKIPPED: needs keepalived");
        return None;
    }
    for bridge in ["inner", "outer", "between"] {
        place.ip(&format!("link add {bridge} type bridge"));
        place.ip(&format!("link set {bridge} up"));
    }
    let hosts = [Host::open(&place, 1).await, Host::open(&place, 2).await];
    attach(&place, "first", "inner", "10.0.0.5/24", Some("10.0.0.1"));
    attach(&place, "second", "inner", "10.0.0.6/24", Some("10.0.0.1"));
    attach(&place, "outside", "outer", "203.0.113.100/24", None);
    for host in &hosts {
        host.build().await;
        host.done(host.start(&[])).await;
    }
    Some((place, hosts))
}

/// Looks until exactly one of them is active; which.
async fn active(hosts: &[&Host]) -> usize {
    let end = Instant::now() + PATIENCE;
    loop {
        let mut states = Vec::new();
        for host in hosts {
            states.push(host.state().await);
        }
        let active: Vec<usize> = (0..hosts.len()).filter(|at| states[*at] == HaState::Active).collect();
        match active[..] {
            [at] => return at,
            _ => assert!(Instant::now() < end, "{states:?}"),
        }
    }
}

/// Asks until it is answered so.
fn until(place: &Place, (from, to): (&str, Ipv4Addr), said: &str) {
    let end = Instant::now() + PATIENCE;
    loop {
        let heard = ask(place, from, to, 7);
        if heard == said {
            return;
        }
        assert!(Instant::now() < end, "{from} to {to}: {heard:?}");
    }
}

fn works(place: &Place) {
    until(place, ("outside", FLOATING), "first:7 for 203.0.113.100");
    until(place, ("first", [203, 0, 113, 100].into()), "outside:7 for 203.0.113.5");
    until(place, ("second", [203, 0, 113, 100].into()), "outside:7 for 203.0.113.2");
}

#[tokio::test]
async fn the_other_takes_over_when_the_active_one_dies() {
    let Some((place, hosts)) = cloud().await else { return };
    for name in ["first", "second", "outside"] {
        answer(&place, name, 7);
    }
    let at = active(&[&hosts[0], &hosts[1]]).await;
    works(&place);
    let (died, other) = (&hosts[at], &hosts[1 - at]);
    let mut changes = other.kernel.changes().await.expect("pipe");
    for pid in died.pids() {
        kill(pid, Signal::SIGKILL).expect("it lived");
    }
    // The whole host is gone, not only the program: its addresses do not answer.
    netns::delete(&died.netns_dir, QROUTER).expect("deleted");
    assert_eq!(active(&[other]).await, 0);
    let heard = tokio::time::timeout(PATIENCE, changes.next()).await.expect("in time").expect("pipe");
    assert_eq!(heard, [ROUTER].into());
    works(&place);
    // What died is seen, and told from what lives.
    let seen = died.seen().await;
    assert!(!seen.keepalived.contains_key(&ROUTER) || !seen.keepalived[&ROUTER].alive, "{seen:#?}");
    let hash = instance(other.number, &[]).hash();
    assert_eq!(other.seen().await.keepalived[&ROUTER], Keepalived { hash, alive: true });
}

/// A restarted agent finds what runs; a change is told without a change of states; what is ended
/// is gone with its files.
#[tokio::test]
async fn an_instance_is_adopted_told_anew_and_ended() {
    let Some((place, hosts)) = cloud().await else { return };
    let at = active(&[&hosts[0], &hosts[1]]).await;
    let (active_one, other) = (&hosts[at], &hosts[1 - at]);
    let pids = active_one.pids();
    let again = Kernel::open(Some(&place.path()), &active_one.netns_dir).expect("door");
    again.keep_state_in(&active_one.state_dir).await.expect("thread lives");
    let seen = again.observe(&Scope::All).await.expect("seen");
    assert_eq!(
        seen.keepalived[&ROUTER],
        Keepalived { hash: instance(active_one.number, &[]).hash(), alive: true }
    );
    // Starting what runs is telling it anew.
    let more = [moving("203.0.113.9/32", "qg-1")];
    for _ in 0..2 {
        active_one.done(active_one.start(&more)).await;
    }
    let reload = Op::ReloadKeepalived { router: ROUTER, instance: instance(other.number, &more) };
    other.done(vec![step(reload)]).await;
    let end = Instant::now() + PATIENCE;
    let added = "203.0.113.9/32".parse().expect("net");
    while !active_one.seen().await.namespaces[QROUTER].links["qg-1"].addresses.contains(&added) {
        assert!(Instant::now() < end, "not told");
    }
    assert_eq!(active_one.pids(), pids, "the same processes");
    assert_eq!(active_one.state().await, HaState::Active);
    let hash = instance(active_one.number, &more).hash();
    assert_eq!(active_one.seen().await.keepalived[&ROUTER], Keepalived { hash, alive: true });
    for _ in 0..2 {
        active_one.done(vec![step(Op::StopKeepalived { router: ROUTER })]).await;
    }
    assert!(active_one.seen().await.keepalived.is_empty());
    assert!(!active_one.state_dir.join("ha").join(ROUTER.to_string()).exists());
    // Of a process that ended and that nobody asked for yet, the words are gone.
    let words = |pid: &Pid| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    assert!(pids.iter().all(|pid| words(pid).is_empty()), "its processes ended");
    assert_eq!(active(&[other]).await, 0, "who is told of an end does not wait");
}

#[tokio::test]
async fn what_cannot_be_started_says_so() {
    let Some((_place, hosts)) = cloud().await else { return };
    let router = RouterId(Uuid::from_u128(77));
    let instance = instance(1, &[]);
    let netns = "qrouter-00000000-0000-0000-0000-00000000004d".to_owned();
    let start = step(Op::StartKeepalived { netns, router, instance: instance.clone() });
    let reload = step(Op::ReloadKeepalived { router, instance });
    for act in [start, reload] {
        let failed = hosts[0].kernel.apply(vec![act.clone()]).await.expect("thread lives");
        assert!(failed[0].error.to_string().contains("keepalived of"), "{failed:#?}");
    }
    hosts[0].done(vec![step(Op::StopKeepalived { router })]).await;
}
