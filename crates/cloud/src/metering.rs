//! Metering: which labels and rules may be, and what routers are to count by them.

use ipnet::IpNet;
use model::MeteringLabelId;
use model::api::metering::{MeteringLabel, MeteringLabelCreate, MeteringLabelRule, MeteringLabelRuleCreate};
use model::desired::{Direction, MeterRule};

use crate::Stamp;

/// Labels of one project, and rules of one label, at most: packets of routers pass them.
pub const MAX_LABELS: usize = 256;
pub const MAX_RULES: usize = 256;

/// Why a label or a rule cannot be so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MeteringRefusal {
    #[error("Metering label {0} was not found.")]
    LabelNotFound(MeteringLabelId),
    #[error("The metering label has a rule that {0} overlaps with.")]
    Overlaps(IpNet),
    #[error(
        "A metering label rule names a prefix: remote_ip_prefix, source_ip_prefix or destination_ip_prefix."
    )]
    NoPrefix,
    #[error("remote_ip_prefix does not go together with source_ip_prefix or destination_ip_prefix.")]
    TwoKinds,
    #[error("A project has at most {MAX_LABELS} metering labels, and a label {MAX_RULES} rules.")]
    TooMany,
}

/// Makes a label; the project has so many `others`.
pub fn create_label(
    new: MeteringLabelCreate,
    others: usize,
    stamp: &mut Stamp,
) -> Result<MeteringLabel, MeteringRefusal> {
    if others >= MAX_LABELS {
        return Err(MeteringRefusal::TooMany);
    }
    let MeteringLabelCreate { project_id, name, description, shared } = new;
    let id = MeteringLabelId(stamp.uuid());
    Ok(MeteringLabel { id, project_id, name, description, shared, created_us: stamp.now_us })
}

/// Makes a rule of a label that has `others`.
pub fn create_rule(
    new: MeteringLabelRuleCreate,
    label: &MeteringLabel,
    others: &[MeteringLabelRule],
    stamp: &mut Stamp,
) -> Result<MeteringLabelRule, MeteringRefusal> {
    match (new.remote_ip_prefix, new.source_ip_prefix.or(new.destination_ip_prefix)) {
        (None, None) => return Err(MeteringRefusal::NoPrefix),
        (Some(_), Some(_)) => return Err(MeteringRefusal::TwoKinds),
        _ => {}
    }
    if others.len() >= MAX_RULES {
        return Err(MeteringRefusal::TooMany);
    }
    let alike =
        |other: &&MeteringLabelRule| (other.direction, other.excluded) == (new.direction, new.excluded);
    let taken = others.iter().filter(alike).filter_map(|other| other.remote_ip_prefix);
    if let Some(net) = new.remote_ip_prefix
        && taken.into_iter().any(|other| overlap(net, other))
    {
        return Err(MeteringRefusal::Overlaps(net));
    }
    Ok(MeteringLabelRule {
        id: stamp.uuid().to_string(),
        metering_label_id: label.id,
        project_id: label.project_id.clone(),
        direction: new.direction,
        excluded: new.excluded,
        remote_ip_prefix: new.remote_ip_prefix,
        source_ip_prefix: new.source_ip_prefix,
        destination_ip_prefix: new.destination_ip_prefix,
        created_us: stamp.now_us,
    })
}

fn overlap(one: IpNet, other: IpNet) -> bool {
    one.contains(&other.addr()) || other.contains(&one.addr())
}

/// What a host is told of a rule: the remote prefix is that of the instances, as the reference has it.
pub fn view(rule: &MeteringLabelRule) -> MeterRule {
    let MeteringLabelRule { direction, excluded, remote_ip_prefix, .. } = *rule;
    let (from, to) = match direction {
        Direction::Egress => (remote_ip_prefix, None),
        Direction::Ingress => (None, remote_ip_prefix),
    };
    let source = rule.source_ip_prefix.or(from).map(|net| net.trunc());
    let destination = rule.destination_ip_prefix.or(to).map(|net| net.trunc());
    MeterRule { direction, excluded, source, destination }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().expect("a net")
    }

    fn label(others: usize, stamp: &mut Stamp) -> Result<MeteringLabel, MeteringRefusal> {
        let new = MeteringLabelCreate {
            project_id: "p".into(),
            name: String::new(),
            description: String::new(),
            shared: false,
        };
        create_label(new, others, stamp)
    }

    fn asked(direction: Direction, nets: [&str; 3]) -> MeteringLabelRuleCreate {
        let [remote, source, destination] = nets.map(|text| (!text.is_empty()).then(|| net(text)));
        MeteringLabelRuleCreate {
            metering_label_id: uuid::Uuid::nil().into(),
            direction,
            excluded: false,
            remote_ip_prefix: remote,
            source_ip_prefix: source,
            destination_ip_prefix: destination,
        }
    }

    #[test]
    fn rules_have_prefixes_of_one_kind_and_do_not_overlap() {
        use Direction::{Egress, Ingress};
        let mut stamp = Stamp::new(0, String::new(), 7);
        assert_eq!(label(MAX_LABELS, &mut stamp), Err(MeteringRefusal::TooMany));
        let label = label(0, &mut stamp).expect("a label");
        let first = create_rule(asked(Egress, ["10.0.0.0/24", "", ""]), &label, &[], &mut stamp);
        let first = first.expect("the first");
        assert_eq!(first.project_id, "p");
        for (direction, nets, wanted) in [
            (Egress, ["", "", ""], Some(MeteringRefusal::NoPrefix)),
            (Egress, ["10.1.0.0/24", "10.0.0.0/8", ""], Some(MeteringRefusal::TwoKinds)),
            (Egress, ["10.0.0.9/32", "", ""], Some(MeteringRefusal::Overlaps(net("10.0.0.9/32")))),
            (Egress, ["10.0.0.0/8", "", ""], Some(MeteringRefusal::Overlaps(net("10.0.0.0/8")))),
            (Egress, ["10.0.1.0/24", "", ""], None),
            (Egress, ["::/0", "", ""], None),
            (Ingress, ["10.0.0.0/24", "", ""], None),
            (Egress, ["", "10.0.0.0/24", "192.0.2.0/24"], None),
        ] {
            let others = std::slice::from_ref(&first);
            let made = create_rule(asked(direction, nets), &label, others, &mut stamp);
            assert_eq!(made.err(), wanted, "{nets:?}");
        }
        let many = vec![first; MAX_RULES];
        let refused = create_rule(asked(Ingress, ["10.0.0.0/24", "", ""]), &label, &many, &mut stamp);
        assert_eq!(refused, Err(MeteringRefusal::TooMany));
    }

    #[test]
    fn a_remote_prefix_is_that_of_the_instances() {
        use Direction::{Egress, Ingress};
        let mut stamp = Stamp::new(0, String::new(), 7);
        let label = label(0, &mut stamp).expect("a label");
        let mut seen = |direction, nets| {
            let rule = create_rule(asked(direction, nets), &label, &[], &mut stamp).expect("a rule");
            let MeterRule { source, destination, .. } = view(&rule);
            (source, destination)
        };
        assert_eq!(seen(Egress, ["10.0.0.7/24", "", ""]), (Some(net("10.0.0.0/24")), None));
        assert_eq!(seen(Ingress, ["10.0.0.7/24", "", ""]), (None, Some(net("10.0.0.0/24"))));
        let both = (Some(net("192.0.2.0/24")), Some(net("10.0.0.0/24")));
        assert_eq!(seen(Ingress, ["", "192.0.2.0/24", "10.0.0.0/24"]), both);
    }
}
