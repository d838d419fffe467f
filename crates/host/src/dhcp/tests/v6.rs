//! DHCPv6, message by message.

use model::desired::Ipv6Mode;

use super::client::{Ask6, ask6, client_id, ia, opt6, server_id};
use super::golden;
use super::network::{ALICE, BOB, MALLORY, SERVER, alice, link_local, network, network_with, part};
use crate::dhcp::Network;

const SOLICIT: u8 = 1;
const REQUEST: u8 = 3;
const CONFIRM: u8 = 4;
const RENEW: u8 = 5;
const REBIND: u8 = 6;
const RELEASE: u8 = 8;
const DECLINE: u8 = 9;
const INFORMATION_REQUEST: u8 = 11;

const OWN: &str = "2001:db8:3::5";
const FOREIGN: &str = "2001:db8:3::77";
const ELSEWHERE: &str = "2001:db8:99::5";

/// Options 23 and 24, name servers and search list.
fn wish() -> Vec<u8> {
    opt6(6, &[0, 23, 0, 24])
}

fn ask(kind: u8, server: bool, rest: &[Vec<u8>]) -> Ask6 {
    let ids = if server { vec![client_id(), server_id()] } else { vec![client_id()] };
    ask6(kind, &[&ids[..], rest].concat())
}

#[test]
fn messages() {
    let na = |addresses: &[&str]| ia(3, 7, addresses);
    let rapid = opt6(14, &[]);
    let cases: Vec<(&str, Ask6)> = vec![
        ("SOLICIT", ask(SOLICIT, false, &[na(&[]), wish()])),
        ("SOLICIT in a hurry", ask(SOLICIT, false, &[na(&[]), wish(), rapid.clone()])),
        (
            "SOLICIT for all kinds, twice",
            ask(SOLICIT, false, &[na(&[]), ia(3, 8, &[]), ia(4, 9, &[]), ia(25, 10, &[]), wish()]),
        ),
        ("SOLICIT of a port without address", ask(SOLICIT, false, &[na(&[]), rapid]).by(BOB)),
        ("SOLICIT of a stranger", ask(SOLICIT, false, &[na(&[])]).by(MALLORY)),
        ("REQUEST", ask(REQUEST, true, &[na(&[OWN]), opt6(6, &[0, 24])])),
        ("REQUEST for another's address", ask(REQUEST, true, &[na(&[FOREIGN]), opt6(6, &[])])),
        ("REQUEST for an address elsewhere", ask(REQUEST, true, &[na(&[ELSEWHERE]), opt6(6, &[])])),
        ("CONFIRM", ask(CONFIRM, false, &[na(&[OWN])])),
        ("CONFIRM of an address elsewhere", ask(CONFIRM, false, &[na(&[OWN, ELSEWHERE])])),
        ("CONFIRM of nothing", ask(CONFIRM, false, &[na(&[])])),
        ("RENEW", ask(RENEW, true, &[na(&[OWN]), wish()])),
        ("RENEW in the second of two", ask(RENEW, true, &[na(&[]), ia(3, 8, &[OWN]), opt6(6, &[])])),
        ("RENEW with an address too many", ask(RENEW, true, &[na(&[OWN, FOREIGN]), opt6(6, &[])])),
        ("RENEW of a port without address", ask(RENEW, true, &[na(&[OWN]), opt6(6, &[])]).by(BOB)),
        ("RENEW of nothing by the same", ask(RENEW, true, &[na(&[]), opt6(6, &[])]).by(BOB)),
        ("REBIND", ask(REBIND, false, &[na(&[OWN]), opt6(6, &[])])),
        ("RELEASE", ask(RELEASE, true, &[na(&[OWN])])),
        ("RELEASE of another's address", ask(RELEASE, true, &[na(&[FOREIGN])])),
        ("DECLINE", ask(DECLINE, true, &[na(&[OWN])])),
        ("INFORMATION-REQUEST", ask(INFORMATION_REQUEST, false, &[])),
        ("INFORMATION-REQUEST of nobody", ask6(INFORMATION_REQUEST, &[wish()]).by(BOB)),
    ];
    let cases: Vec<_> = cases.into_iter().map(|(title, ask)| (title, network(), ask.frame())).collect();
    golden("v6", &cases);
}

#[test]
fn what_is_not_ours_to_answer() {
    let na = || ia(3, 7, &[]);
    let good = ask(SOLICIT, false, &[na()]);
    assert!(network().answer(&good.frame()).is_some());
    let other_server = opt6(2, &[0, 3, 0, 1, 2, 2, 2, 2, 2, 2]);
    let many: Vec<_> = (0..9).map(|id| ia(3, id, &[])).collect();
    for (title, ask) in [
        ("to the server's own address", Ask6 { dst: link_local(SERVER), ..good.clone() }),
        ("from a global address", Ask6 { src: OWN.parse().expect("valid"), ..good.clone() }),
        ("SOLICIT without client id", ask6(SOLICIT, &[na()])),
        ("SOLICIT with server id", ask(SOLICIT, true, &[na()])),
        ("REQUEST without server id", ask(REQUEST, false, &[na()])),
        ("REQUEST to another server", ask6(REQUEST, &[client_id(), other_server.clone(), na()])),
        ("REBIND with server id", ask(REBIND, true, &[na()])),
        ("INFORMATION-REQUEST with IA", ask(INFORMATION_REQUEST, false, &[na()])),
        ("INFORMATION-REQUEST elsewhere", ask6(INFORMATION_REQUEST, &[other_server])),
        ("an ADVERTISE", ask(2, true, &[])),
        ("a relay", ask(12, false, &[])),
        ("two client ids", ask(SOLICIT, false, &[client_id(), na()])),
        ("DUID too long", ask6(SOLICIT, &[opt6(1, &[0; 131]), na()])),
        ("DUID too short", ask6(SOLICIT, &[opt6(1, &[0; 2]), na()])),
        ("odd list", ask(SOLICIT, false, &[na(), opt6(6, &[0, 23, 0])])),
        ("rapid commit with a value", ask(SOLICIT, false, &[na(), opt6(14, &[1])])),
        ("IA too short", ask(SOLICIT, false, &[opt6(3, &[0; 11])])),
        (
            "IA address too short",
            ask(SOLICIT, false, &[opt6(3, &[&[0; 12][..], &opt6(5, &[0; 23])].concat())]),
        ),
        ("IA with an option cut short", ask(SOLICIT, false, &[opt6(3, &[0; 15])])),
        ("nine IAs", ask(SOLICIT, false, &many)),
        ("nine addresses", ask(RENEW, true, &[ia(3, 1, &[OWN; 9])])),
        ("an option cut short", ask(SOLICIT, false, &[vec![0, 6, 0, 9, 0]])),
        ("half an option header", ask(SOLICIT, false, &[vec![0, 6, 0]])),
        ("no transaction id", Ask6 { message: vec![1, 2, 3], ..good.clone() }),
    ] {
        assert_eq!(network().answer(&ask.frame()), None, "{title}");
    }
    let mut slaac = part();
    slaac.subnets.retain(|subnet| subnet.ipv6_address_mode == Some(Ipv6Mode::Slaac));
    let mut slaac = Network::new(&slaac);
    slaac.set_lease(&alice());
    assert_eq!(slaac.answer(&good.frame()), None, "a network without DHCPv6");
}

#[test]
fn extra_options() {
    let options = [
        "6:dns-server=[2001:db8::99]",
        "6:sntp-server=2001:db8::123",
        "6:domain-search=a.example,b.example",
        "6:bootfile-url=tftp://[2001:db8::1]/x",
        "6:ntp-server=2001:db8::124,ntp.example",
        "4:never=seen",
    ];
    let cases = [
        ("all", ask(INFORMATION_REQUEST, false, &[])),
        ("only those asked for", ask(INFORMATION_REQUEST, false, &[opt6(6, &[0, 31, 0, 59])])),
    ];
    let cases: Vec<_> =
        cases.into_iter().map(|(title, ask)| (title, network_with(&options), ask.frame())).collect();
    golden("v6_extra", &cases);
}

#[test]
fn answers_fit_the_least_mtu() {
    let mut small = part();
    small.mtu_bytes = 1280;
    let mut network = Network::new(&small);
    let mut lease = alice();
    let many: Vec<_> = (0x100..0x180).map(|n| format!("2001:db8:3::{n:x}")).collect();
    let many: Vec<_> = many.iter().map(|text| (14, text.as_str())).collect();
    lease.addresses = super::network::lease(ALICE, &many).addresses;
    let long = format!("6:bootfile-url={}", "x".repeat(255));
    lease.options = [&long[..], &long.replace("bootfile-url", "41")].map(super::network::option).to_vec();
    network.set_lease(&lease);
    let duid = opt6(1, &[7; 130]);
    let foreign = ia(3, 7, &[FOREIGN; 8]);
    let rest: Vec<_> = (0..7).map(|id| ia(25, id, &[])).collect();
    let options = [&[duid, server_id(), foreign][..], &rest].concat();
    let answer = network.answer(&ask6(RENEW, &options).frame()).expect("an answer");
    assert!(answer.len() <= 14 + 1280, "{} bytes", answer.len());
}
