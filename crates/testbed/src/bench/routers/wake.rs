//! From the request that makes a network node necessary to the first packet through it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use model::desired::L3Mode;
use testbed::client::id_of;
use testbed::demo::show::working;
use testbed::routing::RouterPlan;
use testbed::talk::{Echo, first_echo};
use testbed::{Cloud, Plan};

use crate::show;

const WAKES: usize = 20;
const LIMIT: Duration = Duration::from_secs(20);

pub async fn run() -> anyhow::Result<()> {
    let mut plan = Plan::new("bench-wake", 2);
    plan.physical_networks = vec!["public".into()];
    plan.l3 = vec![Some(L3Mode::Dvr), Some(L3Mode::DvrSnat)];
    let cloud = Cloud::start(plan).await?;
    let outside = cloud.outside("public", 113).await?;
    let network = cloud.network_of("net", "10.1.0.0/24").await?;
    let plan = RouterPlan { distributed: true, ha: false, enable_snat: false };
    let router = cloud.router("r", plan, &outside, &[&network]).await?;
    let (guest, port) = cloud.boot("guest", &network, 0).await?;
    cloud.port_is(&id_of(&port), "ACTIVE", LIMIT).await?;
    guest.dhcp().await?;
    let far = outside.far.parse()?;
    let echo = Echo::listen(&outside.namespace, far)?;
    let to = SocketAddr::new(far, echo.port);
    let mut times = Vec::new();
    for at in 0..WAKES {
        let wake = async {
            let first = tokio::spawn({
                let namespace = guest.namespace.clone();
                async move { first_echo(&namespace, to, LIMIT).await }
            });
            let asked = Instant::now();
            cloud.set_snat(&router, &outside, true).await?;
            let first = first.await??;
            anyhow::Ok(first.saturating_duration_since(asked))
        };
        times.push(working(&format!("wake {} of {WAKES}", at + 1), wake).await?);
        cloud.set_snat(&router, &outside, false).await?;
        cloud.has_router_namespaces(1, 0, LIMIT).await?;
    }
    times.sort_unstable();
    let ms = |time: Duration| format!("{:.0}", time.as_secs_f64() * 1e3);
    let mut table = show::table(&["a router wakes", "n", "p50 ms", "max ms", "reach"]);
    table.add_row([
        "PUT enable_snat until the first packet is back".to_owned(),
        WAKES.to_string(),
        ms(times[WAKES / 2]),
        ms(times[WAKES - 1]),
        "p50 30 ms".to_owned(),
    ]);
    println!("{table}");
    println!(
        "an instance without floating IP sends a UDP packet each ms, all the time; the world sends it back."
    );
    cloud.stop().await
}
