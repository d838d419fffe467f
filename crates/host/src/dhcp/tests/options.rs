//! Extra options of a port.

use super::client::ask4;
use super::golden;
use super::network::{alice, network_with, option};
use crate::dhcp::unknown_options;

const DISCOVER: u8 = 1;
/// Asks for mask, router, servers, host name, domain, MTU, NTP and both kinds of routes.
const LIST: &[u8] = &[55, 9, 1, 3, 6, 12, 15, 26, 42, 121, 249];
const BOOT: &[u8] = &[55, 4, 1, 66, 67, 150];
const USER_CLASS: &[u8] = &[77, 4, b'i', b'P', b'X', b'E'];

#[test]
fn extras() {
    let boot: &[&str] = &[
        "tag:!ipxe,67=undionly.kpxe",
        "tag:ipxe,67=http://10.0.0.9/boot.ipxe",
        "66=10.0.0.9",
        "150=10.0.0.9",
        "server-ip-address=10.0.0.9",
    ];
    let cases: Vec<(&str, &[&str], Vec<u8>)> = vec![
        (
            "override",
            &["dns-server=10.0.0.8,10.0.0.7", "mtu=1400", "option:domain-name=other.example", "42=10.0.0.3"],
            ask4(DISCOVER, &[LIST]).frame(),
        ),
        ("another router", &["router=10.0.0.254"], ask4(DISCOVER, &[LIST]).frame()),
        ("no router", &["router="], ask4(DISCOVER, &[LIST]).frame()),
        (
            "other routes",
            &["classless-static-route=10.8.0.0/16,10.0.0.8,0.0.0.0/0,10.0.0.1"],
            ask4(DISCOVER, &[LIST]).frame(),
        ),
        ("no routes", &["classless-static-route="], ask4(DISCOVER, &[LIST]).frame()),
        ("times", &["lease-time=600", "T1=100"], ask4(DISCOVER, &[&[55, 1, 1]]).frame()),
        (
            "times without sense",
            &["lease-time=1", "T1=900", "T2=800"],
            ask4(DISCOVER, &[&[55, 1, 1]]).frame(),
        ),
        ("boot", boot, ask4(DISCOVER, &[BOOT]).frame()),
        ("boot, second stage", boot, ask4(DISCOVER, &[BOOT, USER_CLASS]).frame()),
        ("boot, not asked for as options", boot, ask4(DISCOVER, &[&[55, 1, 1]]).frame()),
    ];
    let cases: Vec<_> =
        cases.into_iter().map(|(title, options, frame)| (title, network_with(options), frame)).collect();
    golden("v4_extra", &cases);
}

#[test]
fn those_that_cannot_be_told_are_listed() {
    let mut lease = alice();
    lease.options = [
        "bootfile-name=pxelinux.0",
        "no-such-option=1",
        "mtu=large",
        "53=5",
        "server-identifier=10.0.0.9",
        "300=x",
        "tag:uefi,67=x",
        "6:dns-server=10.0.0.1",
        "6:1=00:01",
        "6:sntp-server=2001:db8::1",
        "DNS-Server=10.0.0.1",
        "252=http://wpad",
    ]
    .map(option)
    .to_vec();
    let mut wrong_version = option("mtu=1400");
    wrong_version.ip_version = 5;
    lease.options.push(wrong_version);
    assert_eq!(
        unknown_options(&lease),
        ["no-such-option", "mtu", "53", "server-identifier", "300", "tag:uefi,67", "dns-server", "1", "mtu"]
    );
}

#[test]
fn what_does_not_fit_is_left_out() {
    let long: Vec<String> = (200..230).map(|code| format!("{code}={}", "x".repeat(100))).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let network = network_with(&long);
    for (title, size, at_most) in [
        ("no size given", &[][..], 576),
        ("a size below the least", &[57, 2, 0, 100], 576),
        ("a size of the client's", &[57, 2, 4, 0], 1024),
        ("a size beyond the MTU", &[57, 2, 0xff, 0xff], 1450),
    ] {
        let answer = network.answer(&ask4(DISCOVER, &[size]).frame()).expect("an answer");
        assert!((at_most - 102..=at_most + 14).contains(&answer.len()), "{title}: {}", answer.len());
        assert!(super::show(&answer).contains(" 51 AddressLeaseTime(86400)"), "{title}");
    }
}
