//! The peer's way: one command for each step of a router, as Neutron's agent does it.

use anyhow::Context;
use testbed::Place;
use testbed::place::run_in;

/// Routers of the sample.
pub const ROUTERS: usize = 10;

const SCRIPT: &str = r#"
set -e
for i in $(seq ROUTERS); do
    n="peer-$i"
    ip netns add "$n"
    ip link add "r$i" type veth peer name qr netns "$n"
    ip link add "g$i" type veth peer name qg netns "$n"
    ip link set "r$i" up; ip link set "g$i" up
    for d in lo qr qg; do ip -n "$n" link set "$d" up; done
    ip -n "$n" address add 10.1.0.1/24 dev qr
    ip -n "$n" address add 203.0.113.2/24 dev qg
    ip -n "$n" address add 203.0.113.11/32 dev qg
    ip -n "$n" route add default via 203.0.113.1
    for kv in ipv4.ip_forward=1 ipv4.conf.all.arp_ignore=1 ipv4.conf.all.arp_announce=2 \
        ipv6.conf.all.forwarding=1 ipv4.conf.all.rp_filter=0 ipv4.conf.default.rp_filter=0; do
        ip netns exec "$n" sysctl -qw "net.$kv"
    done
    ip netns exec "$n" nft -f - <<NFT
table ip peer {
    chain prerouting { type nat hook prerouting priority dstnat;
        ip daddr 203.0.113.11 dnat to 10.1.0.5; }
    chain postrouting { type nat hook postrouting priority srcnat;
        ip saddr 10.1.0.5 oifname qg snat to 203.0.113.11;
        oifname qg snat to 203.0.113.2; }
}
NFT
done
times
for i in $(seq ROUTERS); do ip netns del "peer-$i"; done
"#;

/// CPU time of the commands for one router, in ms.
pub async fn run() -> anyhow::Result<f64> {
    let place = Place::new("bench-peer")?;
    let host = place.add("peer").await?;
    let script = SCRIPT.replace("ROUTERS", &ROUTERS.to_string());
    let said = run_in(&host, &["bash", "-c", &script]).await?;
    // The last line of `times` is of the children: user and system, such as `0m0.010s 0m0.620s`.
    let last = said.trim_end().lines().last().context("times")?;
    let seconds: f64 = last.split_whitespace().filter_map(seconds).sum();
    Ok(seconds * 1e3 / ROUTERS as f64)
}

fn seconds(text: &str) -> Option<f64> {
    let (minutes, seconds) = text.strip_suffix('s')?.split_once('m')?;
    Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
}
