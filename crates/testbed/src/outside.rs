//! What lies outside of a cloud: an external network on a physical one, with a router of the world
//! and somebody to talk to.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::client::id_of;
use crate::cloud::Cloud;
use crate::place::{link, run_in};

/// An external network and the world behind it.
pub struct Outside {
    /// The external network.
    pub network: String,
    pub subnet: String,
    /// Where the world's router is, which has all its addresses.
    pub namespace: PathBuf,
    /// Somebody far away (RFC 5737 and 3849 documentation addresses).
    pub far: String,
    pub far_ipv6: String,
}

impl Cloud {
    /// An external network `203.0.NUMBER.0/24` on a physical network of the plan; the world's router
    /// is its `.1`, as the subnet's gateway says.
    pub async fn outside(&self, physical: &str, number: u8) -> anyhow::Result<Outside> {
        let pool = [format!("203.0.{number}.10"), format!("203.0.{number}.250")];
        self.outside_of(physical, number, 24, pool).await
    }

    /// The same with room for thousands of addresses: all of `203.0.0.0/16` is on the link.
    pub async fn wide_outside(&self, physical: &str, number: u8) -> anyhow::Result<Outside> {
        let pool = ["203.0.128.0".to_owned(), "203.0.250.250".to_owned()];
        self.outside_of(physical, number, 16, pool).await
    }

    async fn outside_of(
        &self,
        physical: &str,
        number: u8,
        length: u8,
        [start, end]: [String; 2],
    ) -> anyhow::Result<Outside> {
        let name = format!("outside-{number}");
        let namespace = self.place.add(&name).await?;
        let switch = self.place.namespace("underlay");
        let port = format!("out-{number}");
        link(&switch, &port, &namespace, "world0", None).await?;
        run_in(&switch, &["ip", "link", "set", &port, "master", &format!("sw-{physical}")]).await?;
        let (far, far_ipv6) = (format!("198.51.100.{number}"), format!("2001:db8:ffff::{number:x}"));
        for words in [
            ["ip", "address", "add", &format!("203.0.{number}.1/{length}"), "dev", "world0"],
            ["ip", "address", "add", &format!("2001:db8:e{number:x}::1/64"), "dev", "world0"],
            ["ip", "address", "add", &format!("{far}/32"), "dev", "lo"],
            ["ip", "address", "add", &format!("{far_ipv6}/128"), "dev", "lo"],
        ] {
            run_in(&namespace, &words).await?;
        }
        let sysctl = "sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1";
        run_in(&namespace, &["sh", "-c", sysctl]).await?;
        let fields = json!({
            "name": name, "router:external": true,
            "provider:network_type": "flat", "provider:physical_network": physical,
        });
        let network = id_of(&self.client.create("network", fields).await?);
        let pools = json!([{ "start": start, "end": end }]);
        let fields = json!({
            "network_id": network, "ip_version": 4, "cidr": format!("203.0.{number}.0/{length}"),
            "gateway_ip": format!("203.0.{number}.1"), "enable_dhcp": false, "allocation_pools": pools,
        });
        let subnet = id_of(&self.client.create("subnet", fields).await?);
        Ok(Outside { network, subnet, namespace, far, far_ipv6 })
    }
}

impl Outside {
    /// One ping from outside that is answered within the time.
    pub async fn ping(&self, address: &str, limit: Duration) -> anyhow::Result<()> {
        let seconds = limit.as_secs().max(1).to_string();
        let from = if address.contains(':') { &self.far_ipv6 } else { &self.far };
        let words = ["ping", "-n", "-c", "1", "-W", &seconds, "-I", from, address];
        run_in(&self.namespace, &words).await.map(drop)
    }
}
