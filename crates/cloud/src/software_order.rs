//! Install orders: which versions they are of, and what becomes of each of their targets.

use std::cmp::Ordering;

use model::api::software_order::{
    MAX_TOLD, OrderTarget, Resolved, SoftwareOrder, SoftwareOrderCreate, Wanted,
};
use model::api::software_package::SoftwarePackage;
use model::api::software_version::SoftwareVersion;
use model::software::{ORDERS, Report, State};
use model::{PortId, SoftwareOrderId};

use crate::standard::begin;
use crate::{Refusal, Stamp};

/// Which of two versions of a format is newer.
pub type Newer = fn(&str, &str, &str) -> Ordering;

/// A version with a file, its package, and whether everybody sees that.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub package: SoftwarePackage,
    pub public: bool,
    pub version: SoftwareVersion,
}

/// The version that is to be installed in instances of `project`, of those of that name or package that it
/// sees. A project's own packages come before everybody's, those before what single others share with it: a
/// name is not taken over by sharing something else under it.
pub fn resolve(
    wanted: &Wanted,
    candidates: &[Candidate],
    project: &str,
    newer: Newer,
) -> Result<Resolved, Refusal> {
    let says = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
    let rank = |of: &Candidate| match of {
        of if of.package.project_id == project => 0,
        of if of.public => 1,
        _ => 2,
    };
    let named = |of: &&Candidate| {
        wanted.package_id.is_none_or(|id| id == of.package.id)
            && says(&wanted.name, &of.package.name)
            && says(&wanted.format, &of.package.format)
    };
    let first = candidates.iter().filter(named).map(rank).min();
    let fits = |of: &&Candidate| {
        let (version, architecture) = (of.version.version.as_deref(), of.version.architecture.as_deref());
        named(of)
            && Some(rank(of)) == first
            && says(&wanted.version, version.unwrap_or_default())
            && says(&wanted.architecture, architecture.unwrap_or_default())
            && (!of.version.yanked || wanted.version.is_some())
    };
    let fitting: Vec<&Candidate> = candidates.iter().filter(fits).collect();
    let order = |a: &&&Candidate, b: &&&Candidate| {
        let text = |of: &Candidate| of.version.version.clone().unwrap_or_default();
        newer(&a.package.format, &text(a), &text(b)).then_with(|| a.version.id.cmp(&b.version.id))
    };
    let best = fitting.iter().max_by(order).ok_or_else(|| Refusal::SoftwareNotFound(called(wanted)))?;
    if fitting.iter().any(|of| of.package.id != best.package.id) {
        return Err(Refusal::SoftwareAmbiguous(called(wanted)));
    }
    resolved(best).ok_or_else(|| Refusal::SoftwareNotFound(called(wanted)))
}

fn called(wanted: &Wanted) -> String {
    let id = wanted.package_id.map(|id| id.to_string());
    let name = wanted.name.clone().or(id).unwrap_or_default();
    let more = [&wanted.version, &wanted.architecture, &wanted.format].into_iter().flatten();
    more.fold(format!("'{name}'"), |text, word| format!("{text} {word}"))
}

fn resolved(of: &Candidate) -> Option<Resolved> {
    Some(Resolved {
        package_id: of.package.id,
        version_id: of.version.id,
        name: of.package.name.clone(),
        format: of.package.format.clone(),
        version: of.version.version.clone()?,
        architecture: of.version.architecture.clone()?,
        filename: of.version.filename.clone()?,
        sha256: of.version.sha256.clone()?,
        size: of.version.size?,
    })
}

/// A port that is to have an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    pub port: PortId,
    pub instance: String,
    /// It has an address on a subnet with DHCP: the instance behind it can be told.
    pub reached: bool,
    /// Orders that have not ended, and their packages.
    pub orders: usize,
    pub packages: usize,
}

/// Makes an order and its targets.
pub fn create(
    new: SoftwareOrderCreate,
    packages: Vec<Resolved>,
    behind: &[Behind],
    stamp: &mut Stamp,
) -> Result<(SoftwareOrder, Vec<OrderTarget>), Refusal> {
    let mut rest = new.rest;
    begin(&mut rest, stamp);
    let id = SoftwareOrderId(stamp.uuid());
    let mut targets = Vec::new();
    for of in behind {
        check_room(of, packages.len())?;
        let (state, reason) = match of.reached {
            true => (State::Pending, ""),
            false => (State::Failed, "the port has no address on a subnet with DHCP"),
        };
        targets.push(OrderTarget {
            order_id: id,
            port_id: of.port,
            instance: of.instance.clone(),
            state,
            progress: 0,
            reason: reason.into(),
            output: String::new(),
            attempt: 1,
            cancelled: false,
            updated_at: stamp.now.clone(),
        });
    }
    let order = SoftwareOrder { id, project_id: new.project_id, packages, targets: new.targets, rest };
    Ok((order, targets))
}

/// What a port is told of its orders travels with its lease, and has to fit.
pub fn check_room(of: &Behind, more: usize) -> Result<(), Refusal> {
    if of.reached && (of.orders >= ORDERS || of.packages + more > MAX_TOLD) {
        return Err(Refusal::TooManyOrders { port: of.port, limit: MAX_TOLD, used: of.packages });
    }
    Ok(())
}

/// What a target is after an instance said so; `None` where that changes nothing: it is about another
/// attempt, goes back, or what ended.
pub fn said(before: &OrderTarget, said: &Report, now: &str) -> Option<OrderTarget> {
    if said.attempt != before.attempt || before.state.has_ended() || said.state < before.state {
        return None;
    }
    let after = OrderTarget {
        state: said.state,
        progress: if said.state == State::Installed { 100 } else { said.progress_percent },
        reason: said.reason.clone(),
        output: said.output.clone(),
        updated_at: now.to_owned(),
        ..before.clone()
    };
    let same = OrderTarget { updated_at: after.updated_at.clone(), ..before.clone() } == after;
    (!same).then_some(after)
}

/// What a target is after its order is cancelled. Only its instance knows whether it began meanwhile: it is told,
/// and its word counts. Where none came yet, the target is over until one does.
pub fn cancel(before: &OrderTarget, now: &str) -> Option<OrderTarget> {
    if before.state.has_ended() || before.cancelled {
        return None;
    }
    Some(OrderTarget { cancelled: true, updated_at: now.to_owned(), ..before.clone() })
}

/// What a target is that is to be tried again.
pub fn retry(before: &OrderTarget, of: &Behind, now: &str) -> Option<OrderTarget> {
    if before.state == State::Installed || !before.is_over() || !of.reached || of.instance != before.instance
    {
        return None;
    }
    Some(OrderTarget {
        state: State::Pending,
        progress: 0,
        reason: String::new(),
        output: String::new(),
        attempt: before.attempt.saturating_add(1),
        cancelled: false,
        updated_at: now.to_owned(),
        ..before.clone()
    })
}

/// A target whose port goes.
pub fn port_goes(before: &OrderTarget, now: &str) -> Option<OrderTarget> {
    if before.state.has_ended() {
        return None;
    }
    Some(OrderTarget {
        state: State::Cancelled,
        reason: "the port was deleted".into(),
        updated_at: now.to_owned(),
        ..before.clone()
    })
}

/// A target whose port changed, and is `of` since: its instance is another, or cannot be told any more.
pub fn port_changes(before: &OrderTarget, of: &Behind, now: &str) -> Option<OrderTarget> {
    if before.state.has_ended() {
        return None;
    }
    let (state, reason) = match (of.instance == before.instance, of.reached) {
        (false, _) => (State::Cancelled, "the port is another instance's"),
        (true, false) if before.is_over() => (State::Cancelled, ""),
        (true, false) => (State::Failed, "the port has no address on a subnet with DHCP any more"),
        (true, true) => return None,
    };
    Some(OrderTarget { state, reason: reason.into(), updated_at: now.to_owned(), ..before.clone() })
}

#[cfg(test)]
mod tests;
