//! Flows that are settled pass in the kernel, on real devices.

use std::time::Duration;

use model::vswitch::{Kind as Tunnel, Shown};
use testbed::switched::talk::tcp;
use testbed::switched::{Kind, Lay, Ours, Pair, Runs, Switch};
use testbed::wait;

const SOON: Duration = Duration::from_secs(10);

fn ours(pair: &Pair, at: usize) -> &Ours {
    let Switch::Ours(ours) = &pair.sides[at].switch else { panic!("not ours") };
    ours
}

async fn both(pair: &Pair) -> [Shown; 2] {
    [ours(pair, 0).shown().await.expect("shown"), ours(pair, 1).shown().await.expect("shown")]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_passes_in_the_kernel_through_each_tunnel() {
    for tunnel in [Tunnel::Vxlan, Tunnel::Geneve, Tunnel::Nvgre] {
        let pair = Pair::start("sw-express", Lay::of([Kind::Ours, Kind::Ours], tunnel), &Runs::Here).await;
        let pair = pair.expect("a pair; these tests need root");
        pair.until_connected().await.expect("connected");
        let [a, b] = &pair.sides;
        let moved = tcp(&a.guest, &b.guest, [10, 99, 0, 2].into(), Duration::from_secs(1)).await.expect("moves");
        let told = wait::until(SOON, || async {
            let shown = both(&pair).await;
            shown.iter().all(|shown| shown.passed_frames * 1448 > moved.bytes / 10 * 9 / 2).then_some(shown)
        });
        eprintln!("{tunnel:?}: {moved:?}\n{:?}", both(&pair).await);
        told.await.expect("nearly all pass");
    }
}
