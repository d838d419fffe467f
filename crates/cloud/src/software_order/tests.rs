use std::cmp::Ordering;

use model::SoftwarePackageId;
use model::api::software_version::Status;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::*;

const OWN: &str = "own";

fn candidate(id: u128, project: &str, public: bool, format: &str, version: &str) -> Candidate {
    let package = SoftwarePackage {
        id: SoftwarePackageId(Uuid::from_u128(id)),
        project_id: project.into(),
        name: "hello".into(),
        format: format.into(),
        shared: public,
        rest: Map::new(),
    };
    let number: u128 = version.parse().expect("a number");
    let version = SoftwareVersion {
        id: Uuid::from_u128(id << 64 | number).into(),
        package_id: package.id,
        project_id: project.into(),
        description: String::new(),
        version: Some(version.into()),
        architecture: Some("all".into()),
        filename: Some("file".into()),
        size: Some(1),
        sha256: Some("00".repeat(32)),
        status: Status::Active,
        status_reason: String::new(),
        yanked: false,
        control: Value::Null,
        upload_offset: 1,
        upload_id: None,
        taken: Some(String::new()),
        rest: Map::new(),
    };
    Candidate { package, public, version }
}

fn newer(_: &str, left: &str, right: &str) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

fn hello() -> Wanted {
    Wanted { name: Some("hello".into()), ..Wanted::default() }
}

#[test]
fn nobody_takes_over_a_name_by_sharing() {
    let own = candidate(1, OWN, false, "deb", "1");
    let public = candidate(2, "admin", true, "deb", "5");
    let theirs = candidate(3, "theirs", false, "deb", "9");
    let all = [theirs.clone(), public.clone(), own];
    let version = |all: &[Candidate]| resolve(&hello(), all, OWN, newer).map(|of| of.version);
    assert_eq!(version(&all).expect("own"), "1");
    assert_eq!(version(&all[..2]).expect("public"), "5");
    assert_eq!(version(&all[..1]).expect("shared"), "9");
    let by_id = Wanted { package_id: Some(theirs.package.id), ..Wanted::default() };
    assert_eq!(resolve(&by_id, &all, OWN, newer).expect("by its id").version, "9");
    let other = candidate(4, "others", false, "deb", "7");
    assert!(matches!(version(&[theirs, other]), Err(Refusal::SoftwareAmbiguous(_))));
}

#[test]
fn the_newest_is_found_unless_it_is_yanked() {
    let mut all = vec![candidate(1, OWN, false, "deb", "2"), candidate(1, OWN, false, "deb", "10")];
    assert_eq!(resolve(&hello(), &all, OWN, newer).expect("found").version, "10");
    all[1].version.yanked = true;
    assert_eq!(resolve(&hello(), &all, OWN, newer).expect("found").version, "2");
    let exact = Wanted { version: Some("10".into()), ..hello() };
    assert_eq!(resolve(&exact, &all, OWN, newer).expect("found").version, "10");
    all.push(candidate(2, OWN, false, "rpm", "3"));
    assert!(matches!(resolve(&hello(), &all, OWN, newer), Err(Refusal::SoftwareAmbiguous(_))));
    let rpm = Wanted { format: Some("rpm".into()), ..hello() };
    assert_eq!(resolve(&rpm, &all, OWN, newer).expect("found").version, "3");
    let none = Wanted { architecture: Some("amd64".into()), ..rpm };
    assert!(matches!(resolve(&none, &all, OWN, newer), Err(Refusal::SoftwareNotFound(_))));
}

fn target(state: State) -> OrderTarget {
    OrderTarget {
        order_id: SoftwareOrderId(Uuid::nil()),
        port_id: PortId(Uuid::nil()),
        instance: "i".into(),
        state,
        progress: 0,
        reason: String::new(),
        output: String::new(),
        attempt: 3,
        cancelled: false,
        updated_at: "before".into(),
    }
}

/// From each state, what may be said, asked and tried again.
#[test]
fn states_go_one_way() {
    let report = |attempt, state| Report {
        attempt,
        state,
        progress_percent: 7,
        reason: "why".into(),
        output: "out".into(),
    };
    let of =
        Behind { port: PortId(Uuid::nil()), instance: "i".into(), reached: true, orders: 0, packages: 0 };
    for before in State::ALL {
        for after in State::ALL {
            let heard = said(&target(before), &report(3, after), "now");
            assert_eq!(heard.is_some(), !before.has_ended() && after >= before, "{before:?} {after:?}");
            assert!(heard.is_none_or(|heard| heard.state == after && heard.updated_at == "now"));
            for attempt in [2, 4] {
                assert_eq!(said(&target(before), &report(attempt, after), "now"), None);
            }
        }
        let off = cancel(&target(before), "now");
        assert_eq!(off.is_some(), !before.has_ended(), "{before:?}");
        if let Some(off) = off {
            assert_eq!((off.state, off.cancelled), (before, true));
            assert_eq!(off.is_over(), before == State::Pending, "{before:?}");
            assert_eq!(cancel(&off, "later"), None, "once");
            // It may have begun, and even ended, before it heard of that.
            let heard = said(&off, &report(3, State::Installed), "later").expect("its word counts");
            assert_eq!(heard.state, State::Installed);
            assert_eq!(retry(&off, &of, "later").is_some(), before == State::Pending, "{before:?}");
        }
        let again = retry(&target(before), &of, "now");
        assert_eq!(again.is_some(), matches!(before, State::Failed | State::Cancelled), "{before:?}");
        assert!(again.is_none_or(|again| again.attempt == 4 && again.state == State::Pending));
    }
    let unreached = Behind { reached: false, ..of };
    assert_eq!(retry(&target(State::Failed), &unreached, "now"), None);
    let heard = said(&target(State::Pending), &report(3, State::Downloading), "now").expect("heard");
    assert_eq!(said(&heard, &report(3, State::Downloading), "later"), None, "the same again is nothing");
}

#[test]
fn what_nobody_can_be_told_ends() {
    let of = |instance: &str, reached| Behind {
        port: PortId(Uuid::nil()),
        instance: instance.into(),
        reached,
        orders: 0,
        packages: 0,
    };
    for before in State::ALL {
        let changed = |of| port_changes(&target(before), &of, "now").map(|after| after.state);
        let ends = |state| (!before.has_ended()).then_some(state);
        assert_eq!(changed(of("i", true)), None, "{before:?}");
        assert_eq!(changed(of("i", false)), ends(State::Failed), "{before:?}");
        assert_eq!(changed(of("j", true)), ends(State::Cancelled), "{before:?}");
    }
    let off = cancel(&target(State::Pending), "now").expect("called off");
    let after = port_changes(&off, &of("i", false), "now").expect("ends");
    assert_eq!((after.state, after.reason.as_str()), (State::Cancelled, ""));
}
