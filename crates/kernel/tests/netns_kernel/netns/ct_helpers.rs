//! Helpers of connections: the table is what its text says, what the kernel does not have is left out, and
//! what two agree on inside a connection comes in.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use host::Op;
use host::ct_helpers::HelperSet;
use host::op::Inside;
use kernel::netns;
use model::desired::ConntrackHelper;

use crate::netns::inner::{QROUTER, done, inside, seen, step};
use crate::netns::place::Place;
use crate::netns::traffic::{GATEWAY, OUTSIDE, SECOND, cloud, nat};

const PATIENCE: Duration = Duration::from_secs(5);

fn helpers(parts: &[(&str, u16, &str)]) -> HelperSet {
    let part = |(protocol, port, helper): &(&str, u16, &str)| ConntrackHelper {
        protocol: (*protocol).into(),
        port: *port,
        helper: (*helper).into(),
    };
    HelperSet::new(&parts.iter().map(part).collect::<Vec<_>>()).expect("some")
}

/// Whether the kernel has the helper of FTP, and what translates in what it reads.
fn has_ftp(place: &Place) -> bool {
    // Where they are modules, nobody else asks for the second.
    let _ = Command::new("modprobe").arg("nf_nat_ftp").output();
    let probe = "nft add ct helper inet probe ftp { type \"ftp\" protocol tcp; }";
    let table = place.inside(QROUTER, "nft add table inet probe").status.success();
    let has = table && place.inside(QROUTER, probe).status.success();
    place.inside(QROUTER, "nft delete table inet probe");
    has
}

fn listed(place: &Place) -> String {
    let output = place.inside(QROUTER, "nft list table inet neutrino-helpers");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn what_the_kernel_does_not_have_is_left_out() {
    let Some(place) = Place::new() else { return };
    done(&place, vec![step(Op::AddNetns { netns: QROUTER.into() })]).await;
    // The kernel's helper of Amanda is of UDP.
    let asked = helpers(&[("tcp", 21, "ftp"), ("tcp", 10080, "amanda"), ("tcp", 2121, "ftp")]);
    for _ in 0..2 {
        done(&place, inside([Inside::ReplaceHelpers { content: asked.clone() }])).await;
        assert_eq!(
            seen(&place, QROUTER).await.helpers,
            Some(asked.hash()),
            "it is as wanted, and asked for once"
        );
    }
    let text = listed(&place);
    assert!(!text.contains("amanda") && text.contains("hook prerouting"), "{text}");
    if has_ftp(&place) {
        for part in
            ["type \"ftp\" protocol tcp", "tcp dport 21 ct helper set", "tcp dport 2121 ct helper set"]
        {
            assert!(text.contains(part), "no {part} in {text}");
        }
    }
    assert_eq!(seen(&place, QROUTER).await.table, None, "address translation is another table");
    for _ in 0..2 {
        done(&place, inside([Inside::DeleteHelpers])).await;
        assert_eq!(seen(&place, QROUTER).await.helpers, None);
    }
}

/// A connection from outside, to an address and port that were agreed on with the instance.
fn comes_in(place: &Place) -> bool {
    let listen = |name: &str, port: u16| {
        let open = || TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).expect("a socket");
        netns::within(&place.netns_dir().join(name), open).expect("namespace entered")
    };
    let (control, data) = (listen(OUTSIDE, 21), listen(SECOND, 1025));
    let call = |name: &str, to: Ipv4Addr, port: u16| {
        let open = || TcpStream::connect_timeout(&(to, port).into(), PATIENCE);
        netns::within(&place.netns_dir().join(name), open).expect("namespace entered")
    };
    let mut client = call(SECOND, [203, 0, 113, 100].into(), 21).expect("FTP is reached");
    let (mut server, _) = control.accept().expect("who called");
    server.set_read_timeout(Some(PATIENCE)).expect("timeout");
    let mut told = String::new();
    // The helper looks for commands behind the first line that it sees.
    for line in ["USER x\r\n", "PORT 10,0,0,6,4,1\r\n"] {
        client.write_all(line.as_bytes()).expect("sent");
        let mut buffer = [0; 64];
        let length = server.read(&mut buffer).expect("a command");
        told = String::from_utf8_lossy(&buffer[..length]).into_owned();
    }
    let Ok(_stream) = call(OUTSIDE, GATEWAY, 1025) else { return false };
    assert_eq!(told, "PORT 203,0,113,2,4,1\r\n", "the server is told the address that it can reach");
    data.accept().is_ok()
}

#[tokio::test]
async fn who_is_agreed_on_in_a_connection_comes_in() {
    let Some(place) = cloud().await else { return };
    done(&place, inside([Inside::ReplaceTable { content: nat(true) }])).await;
    if !has_ftp(&place) {
        eprintln!("SKIPPED: this kernel has no helper of FTP");
        return;
    }
    assert!(!comes_in(&place), "nobody looks into it");
    let content = helpers(&[("tcp", 21, "ftp")]);
    done(&place, inside([Inside::ReplaceHelpers { content }])).await;
    assert!(comes_in(&place), "it is looked into");
}
