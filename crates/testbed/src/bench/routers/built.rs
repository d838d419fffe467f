//! All routers of a network node made at once, and taken away at once, beside the floor.

use std::time::{Duration, Instant};

use anyhow::Context;
use model::desired::L3Mode;
use serde_json::{Value, json};
use testbed::demo::show::working;
use testbed::place::delete_in;
use testbed::routing::RouterPlan;
use testbed::{Cloud, Plan, wait};
use tokio::runtime::{Builder, Handle};

use crate::floor::routers::{self as floor, Spent};
use crate::routers::heard::Heard;
use crate::routers::process as steps;
use crate::{process, show};

const LIMIT: Duration = Duration::from_secs(300);
/// Nothing is done any more when this passes without CPU time.
const QUIET: Duration = Duration::from_millis(400);
/// A look at a thousand namespaces takes part of a millisecond.
const LOOK: Duration = Duration::from_millis(100);
/// Threads that are not the agent's: those of the runtime without a name, and the first.
const SERVER: [&str; 2] = ["tokio-rt-worker", "bench"];

pub async fn run(counts: &[usize]) -> anyhow::Result<()> {
    let mut table = show::table(&[
        "routers, all at once",
        "n",
        "agent CPU ms each",
        "server CPU ms each",
        "wall s",
        "to rest s",
        "reach",
        "floor CPU ms",
        "floor wall s",
        "ours/floor",
        "peer/ours",
    ]);
    let peer = working("the peer's way, one command per step", steps::run()).await?;
    for count in counts {
        let least = working(&format!("{count} routers, the floor"), least(*count)).await?;
        let ours = working(&format!("{count} routers, all built again"), ours(*count)).await?;
        let made = ("built, no namespace there", ours.made, least.made, "2.5 ms; 1,000 in 4 s");
        let gone = ("taken away", ours.gone, least.gone, "");
        for (what, ours, least, reach) in [made, gone] {
            let Ours { spent: ours, server, rest } = ours;
            let ms = |time: Duration| time.as_secs_f64() * 1e3 / *count as f64;
            let each = |spent: Spent| ms(spent.cpu);
            let peer = if reach.is_empty() { String::new() } else { format!("{:.0}", peer / each(ours)) };
            table.add_row([
                what.to_owned(),
                count.to_string(),
                format!("{:.2}", each(ours)),
                format!("{:.2}", ms(server)),
                format!("{:.1}", ours.wall.as_secs_f64()),
                format!("{:.1}", rest.as_secs_f64()),
                reach.to_owned(),
                format!("{:.2}", each(least)),
                format!("{:.1}", least.wall.as_secs_f64()),
                format!("{:.1}", each(ours) / each(least)),
                peer,
            ]);
        }
    }
    println!("{table}");
    println!(
        "whole routers: an interface, a gateway with SNAT, a floating IP. wall: from the start of the agent until \
         the server has stored that each router is in place, or until no namespace is there. to rest: until \
         nothing is done any more. CPU until then, of the agent's threads and of the server's (with the bench's \
         own); not what the kernel does in its own threads. Nothing begins before the kernel has cleaned up \
         namespaces that went before. floor: the \
         same namespaces, devices, bridge ports, addresses, routes, settings and a table like it, by one \
         thread; nothing is looked at, announced or reported. peer: a command per step (ip, sysctl, nft), {} \
         routers, without the program that calls them; Neutron 29 with it: 1,100 to 2,000 ms (stored). load \
         average: {}",
        steps::ROUTERS,
        process::load_average(),
    );
    Ok(())
}

/// `Of`: what is known of both, [`Spent`] or [`Ours`].
struct Both<Of> {
    made: Of,
    gone: Of,
}

/// What the agent took, the CPU time that the server did, and how long it was until both rested.
struct Ours {
    spent: Spent,
    server: Duration,
    rest: Duration,
}

async fn least(count: usize) -> anyhow::Result<Both<Spent>> {
    let place = testbed::Place::new("bench-floor")?;
    let host = place.add("floor").await?;
    let folder = place.folder().join("floor.netns");
    cleaned_up().await?;
    let work = tokio::task::spawn_blocking(move || floor::run(&host, &folder, count));
    let (made, gone) = work.await??;
    Ok(Both { made, gone })
}

/// CPU and wall time until all routers of a host are there again, and until all are gone.
async fn ours(count: usize) -> anyhow::Result<Both<Ours>> {
    // Threads of its own, so that the agent's time can be told from the server's.
    let agents = Builder::new_multi_thread().thread_name("agent").enable_all().build()?;
    let both = built(count, agents.handle()).await;
    agents.shutdown_background();
    both
}

async fn built(count: usize, agents: &Handle) -> anyhow::Result<Both<Ours>> {
    let mut plan = Plan::new("bench-build", 1);
    plan.agents = Some(agents.clone());
    let heard = Heard::default();
    let (mut cloud, compute, outside) = super::cloud_of(plan, heard.bus(), L3Mode::Legacy, true).await?;
    let plan = RouterPlan { distributed: false, ha: false, enable_snat: true };
    for at in 0..count {
        super::router(&cloud, at, plan, &outside).await?;
    }
    cloud.has_router_namespaces(0, count, LIMIT).await?;
    quiet().await?;
    cloud.kill_agent(0).await;
    let folder = cloud.place.folder().join(format!("{}.netns", cloud.hosts[0].name));
    for name in cloud.router_namespaces(0)? {
        delete_in(&folder, &name)?;
    }
    quiet().await?;
    cleaned_up().await?;
    let made = restart(&mut cloud, &heard, count).await?;
    works(&cloud, count).await?;
    cloud.kill_agent(0).await;
    unschedule(&cloud).await?;
    quiet().await?;
    cleaned_up().await?;
    let gone = restart(&mut cloud, &heard, 0).await?;
    drop(compute);
    cloud.stop().await?;
    Ok(Both { made, gone })
}

/// From the start of the agent until it has so many routers and nothing more to do.
async fn restart(cloud: &mut Cloud, heard: &Heard, count: usize) -> anyhow::Result<Ours> {
    let server = || SERVER.map(process::threads_cpu).into_iter().sum::<Duration>();
    heard.follow(&cloud.hosts[0].name);
    let (cpu, server_cpu, start) = (process::own_cpu(), server(), Instant::now());
    cloud.start_agent(0);
    let all = wait::until_every(LOOK, LIMIT, || async {
        if count > 0 {
            return heard.all(count);
        }
        cloud.router_namespaces(0).ok()?.is_empty().then(Instant::now)
    });
    let end = all.await.with_context(|| format!("not {count} routers"))?;
    let idle = quiet().await?;
    let server = server().saturating_sub(server_cpu);
    let cpu = process::own_cpu().saturating_sub(cpu + server);
    let spent = Spent { cpu, wall: end.duration_since(start) };
    Ok(Ours { spent, server, rest: idle.duration_since(start) })
}

/// Takes every router from the network node, by the API.
async fn unschedule(cloud: &Cloud) -> anyhow::Result<()> {
    let agents = cloud.client.get("agents").await?;
    let host =
        |agent: &&Value| agent["agent_type"] == "L3 agent" && agent["host"] == cloud.hosts[0].name.as_str();
    let agent = agents.as_array().into_iter().flatten().find(host).context("an L3 agent")?;
    let id = testbed::client::id_of(agent);
    // Else it would be given others at once.
    cloud.client.update("agent", &id, json!({ "admin_state_up": false })).await?;
    let routers = cloud.client.get("routers?fields=id").await?;
    for router in routers.as_array().into_iter().flatten() {
        let path = format!("/v2.0/agents/{id}/l3-routers/{}", testbed::client::id_of(router));
        let (status, said) = cloud.client.send("DELETE", &path, None, &[]).await?;
        anyhow::ensure!(status < 300, "DELETE {path} answered {status}: {said}");
    }
    Ok(())
}

/// Every router's namespace has its way out and its translation.
async fn works(cloud: &Cloud, count: usize) -> anyhow::Result<()> {
    let names = cloud.router_namespaces(0)?;
    let mut good = 0;
    for name in &names {
        let look = "ip route show default; nft list tables";
        let shown = cloud.run_inside(0, name, &["sh", "-c", look]).await?;
        good += usize::from(shown.contains("203.0.113.1") && shown.contains("neutrino"));
    }
    anyhow::ensure!(good == count, "{good} of {count} routers are whole");
    Ok(())
}

/// Waits until the kernel has taken apart the namespaces that went, which it does beside everybody.
async fn cleaned_up() -> anyhow::Result<()> {
    let mut busy_at = Instant::now();
    let found = wait::until_every(Duration::from_millis(50), LIMIT, || {
        if process::kernel_works("netns") {
            busy_at = Instant::now();
        }
        let idle = busy_at.elapsed() > QUIET;
        async move { idle.then_some(()) }
    });
    found.await.context("the kernel does not come to the end of its namespaces")
}

/// Waits until this process has nothing to do; when it last had.
pub async fn quiet() -> anyhow::Result<Instant> {
    let mut last = (process::own_cpu(), Instant::now());
    let found = wait::until_every(Duration::from_millis(50), LIMIT, || {
        let cpu = process::own_cpu();
        // Looking takes a tick now and then.
        if cpu.saturating_sub(last.0) > Duration::from_millis(10) {
            last = (cpu, Instant::now());
        }
        let idle = last.1.elapsed() > QUIET;
        async move { idle.then_some(()) }
    });
    found.await.context("it does not come to rest")?;
    Ok(last.1)
}
