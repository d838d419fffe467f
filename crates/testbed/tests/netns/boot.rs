//! Instances get what their ports promise.

use std::time::Duration;

use serde_json::json;
use testbed::client::id_of;
use testbed::wait;

use crate::netns::small::{ANSWER, SOON, address, cloud, guest, ipv6};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_ping_over_both_families() {
    let cloud = cloud("boot", 2).await;
    let network = cloud.network("net").await.expect("a network");
    ipv6(&cloud, &network, "2001:db8:1::/64", "slaac").await;
    let (one, _, _) = guest(&cloud, "one", &network, 0).await;
    let (_two, port, to) = guest(&cloud, "two", &network, 1).await;
    one.ping(&to, ANSWER).await.expect("IPv4 reaches the other host");
    let to = address(&port, true);
    let reached = wait::until(SOON, || async { one.ping(&to, ANSWER).await.ok() });
    reached.await.expect("IPv6 reaches the other host");
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lease_tells_all_that_the_subnet_says() {
    let cloud = cloud("lease", 1).await;
    let network = cloud.client.create("network", json!({ "mtu": 1400 })).await.expect("a network");
    let subnet = json!({
        "network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24",
        "dns_nameservers": ["192.0.2.53", "192.0.2.54"],
        "host_routes": [{ "destination": "198.51.100.0/24", "nexthop": "10.0.0.9" }],
    });
    cloud.client.create("subnet", subnet).await.expect("a subnet");
    let (guest, port) = cloud.boot("one", &id_of(&network), 0).await.expect("boots");
    let option = json!({ "extra_dhcp_opts": [{ "opt_name": "ntp-server", "opt_value": "192.0.2.123" }] });
    cloud.client.update("port", &id_of(&port), option).await.expect("takes an option");
    cloud.port_is(&id_of(&port), "ACTIVE", SOON).await.expect("ACTIVE");
    let lease = guest.dhcp().await.expect("a lease");
    let ip = address(&port, false);
    for word in [
        format!("ip='{ip}'"),
        "router='10.0.0.1'".into(),
        "dns='192.0.2.53 192.0.2.54'".into(),
        "mtu='1400'".into(),
        "lease='86400'".into(),
        "198.51.100.0/24 10.0.0.9".into(),
    ] {
        assert!(lease.contains(&word), "the lease should say {word}:\n{lease}");
    }
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dhcpv6_client_gets_the_address_of_its_port() {
    let cloud = cloud("dhcpv6", 1).await;
    let network = cloud.client.create("network", json!({})).await.expect("a network");
    ipv6(&cloud, &id_of(&network), "2001:db8:1::/64", "dhcpv6-stateful").await;
    let (guest, port) = cloud.boot("one", &id_of(&network), 0).await.expect("boots");
    let port = cloud.port_is(&id_of(&port), "ACTIVE", SOON).await.expect("ACTIVE");
    let (leases, pid) = (cloud.place.folder().join("pid.leases6"), cloud.place.folder().join("pid.dhclient"));
    let (leases, pid) = (leases.display().to_string(), pid.display().to_string());
    // The lease is read from its file; the script that would set the address does nothing.
    let words = ["dhclient", "-6", "-1", "-lf", &leases, "-pf", &pid, "-sf", "/bin/true", "eth0"];
    // It wants a link-local address that is no longer tentative.
    let bound = wait::until(SOON, || async { guest.run(&words).await.ok() });
    bound.await.expect("dhclient -6 is answered");
    let said = std::fs::read_to_string(&leases).expect("leases");
    let _ =
        guest.run(&["dhclient", "-6", "-x", "-lf", &leases, "-pf", &pid, "-sf", "/bin/true", "eth0"]).await;
    for word in [format!("iaaddr {}", address(&port, true)), "2001:db8::53".into()] {
        assert!(said.contains(&word), "the lease should say {word}:\n{said}");
    }
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_appears_late_is_wired_when_it_comes() {
    let cloud = cloud("late", 1).await;
    let network = cloud.network("net").await.expect("a network");
    let fields = json!({ "network_id": network, "binding:host_id": cloud.hosts[0].name });
    let port = cloud.client.create("port", fields).await.expect("a port");
    cloud.port_is(&id_of(&port), "DOWN", SOON).await.expect("DOWN without a device");
    let guest = testbed::Guest::boot(&cloud.place, "late", &cloud.hosts[0].namespace, &port).await;
    let guest = guest.expect("plugs in");
    cloud.port_is(&id_of(&port), "ACTIVE", SOON).await.expect("ACTIVE with its device");
    guest.clone().shut_down(&cloud.place).await.expect("unplugs");
    cloud.port_is(&id_of(&port), "DOWN", SOON).await.expect("DOWN again");
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn port_security_follows_the_api() {
    let cloud = cloud("secure", 2).await;
    let network = cloud.network("net").await.expect("a network");
    let (one, port, _) = guest(&cloud, "one", &network, 0).await;
    let (_two, _, to) = guest(&cloud, "two", &network, 1).await;
    let other = "10.0.0.250";
    one.run(&["ip", "address", "add", &format!("{other}/24"), "dev", "eth0"]).await.expect("takes it");
    let from_other =
        || async { one.run(&["ping", "-n", "-c", "1", "-W", "1", "-I", other, &to]).await.is_ok() };
    assert!(!from_other().await, "an address that is not the port's must not get out");
    let pair = json!({ "allowed_address_pairs": [{ "ip_address": other }] });
    cloud.client.update("port", &id_of(&port), pair).await.expect("takes a pair");
    let out = wait::until(SOON, || async { from_other().await.then_some(()) });
    out.await.expect("an allowed pair gets out");
    let none = json!({ "allowed_address_pairs": [] });
    cloud.client.update("port", &id_of(&port), none).await.expect("drops the pair");
    let stopped = wait::until(SOON, || async { (!from_other().await).then_some(()) });
    stopped.await.expect("a pair that is gone is refused");
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn networks_are_apart_and_deleted_ports_leave_nothing() {
    let cloud = cloud("apart", 2).await;
    let blue = cloud.network("blue").await.expect("a network");
    let green = cloud.network("green").await.expect("a network");
    let (_blue, _, to) = guest(&cloud, "blue-1", &blue, 0).await;
    let (one, port, own) = guest(&cloud, "green-1", &green, 1).await;
    if own != to {
        assert!(
            one.ping(&to, Duration::from_secs(1)).await.is_err(),
            "{own} reaches {to} of another network"
        );
    }
    let host = cloud.hosts[1].namespace.clone();
    one.shut_down(&cloud.place).await.expect("unplugs");
    cloud.client.delete("port", &id_of(&port)).await.expect("deletes");
    cloud.client.delete("network", &green).await.expect("deletes the network with its DHCP port");
    let bridge = format!("brq{}", &green[..11]);
    let gone = wait::until(SOON, || async {
        let links = testbed::place::run_in(&host, &["ip", "-o", "link"]).await.ok()?;
        (!links.contains(&bridge)).then_some(())
    });
    gone.await.expect("the network's bridge goes with its last port");
    cloud.stop().await.expect("stops");
}
