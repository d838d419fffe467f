//! Filters of ports by their groups: what is written is what the golden text says.

use host::{Scope, Settings, Wanted, diff};
use kernel::Kernel;
use model::desired::Part;

use crate::netns::place::Place;

const PARTS: &str = include_str!("../../../../host/src/secgroup/golden/full.json");
const TEXT: &str = include_str!("../../../../host/src/secgroup/golden/full.nft");

#[tokio::test]
async fn tables_are_what_their_text_says() {
    let (Some(place), Some(other)) = (Place::new(), Place::new()) else { return };
    let parts: Vec<Part> = serde_json::from_str(PARTS).expect("parts");
    let mut want = Wanted::new(Settings::default());
    for part in parts {
        want.put(part);
    }
    settle(&place.kernel, &want).await;
    let script = other.netns_dir().with_extension("nft");
    std::fs::write(&script, TEXT).expect("script");
    for line in [format!("nft -c -f {}", script.display()), format!("nft -f {}", script.display())] {
        let loaded = other.run(&line);
        assert!(loaded.status.success(), "{line}: {loaded:?}");
    }
    for table in ["inet neutrino", "bridge neutrino"] {
        let (written, read) = (listed(&place, table), listed(&other, table));
        assert_eq!(written, read, "{table}");
        assert!(written.contains("hook forward"), "{written}");
    }
}

async fn settle(kernel: &Kernel, want: &Wanted) {
    let seen = kernel.observe(&Scope::All).await.expect("seen");
    let failed = kernel.apply(diff(want, &seen, &Scope::All)).await.expect("thread lives");
    assert!(failed.is_empty(), "{failed:#?}");
    let left = diff(want, &kernel.observe(&Scope::All).await.expect("seen"), &Scope::All);
    assert!(left.is_empty(), "{left:#?}");
}

/// Without the marks of rules, the order of elements, and by which names nft knows a value.
fn listed(place: &Place, table: &str) -> String {
    let output = place.run(&format!("nft -s list table {table}"));
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = Vec::new();
    let mut elements: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with("type ifname")) {
        let line = line.split(" comment ").next().unwrap_or(line);
        let inside = line.strip_prefix("elements = {").unwrap_or(line);
        if inside != line || !elements.is_empty() {
            elements.extend(inside.trim_end_matches('}').split(',').map(|one| one.trim().to_owned()));
            if line.ends_with('}') {
                elements.retain(|one| !one.is_empty());
                elements.sort();
                lines.append(&mut elements);
            }
        } else if !line.starts_with("typeof") {
            lines.push(line.to_owned());
        }
    }
    lines.join("\n")
}
