//! The thread that works: rounds of what waits, place by place.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::conntrack::{ConntrackError, probe};
use model::purge::{Abilities, Job, Outcome, Place};

use super::board::Board;
use super::jobs;
use super::round::{Round, Tally};
use super::settings::Settings;

/// What is known of this machine's tables.
#[derive(Default)]
pub(super) struct Learnt {
    pub can: Abilities,
    /// `None` until a table was seen.
    pub costs: Option<model::purge::Costs>,
    /// How many entries a zone lately showed.
    pub in_zone: Option<f64>,
}

/// Works until the board says stop.
pub(super) fn run(board: &Board, settings: &Settings) {
    if let Err(error) = kernel::own::set_nice(settings.nice) {
        tracing::warn!(%error, "the work goes on at the usual priority");
    }
    let mut learnt = Learnt { can: abilities(board), costs: None, in_zone: None };
    board.shared().abilities = learnt.can;
    give_back_code();
    let most = Duration::from_millis(settings.gather_ms);
    // Who waits for others spares a round, so it is worth no more than one.
    let mut gather = most;
    while let Some(round) = board.next_round(gather) {
        let began = Instant::now();
        let mut places: BTreeMap<Place, Vec<(jobs::Number, Arc<Job>)>> = BTreeMap::new();
        for (number, job) in round {
            places.entry(job.place.clone()).or_default().push((number, job));
        }
        for (place, jobs) in places {
            if board.is_stopping() {
                return;
            }
            purge(board, settings, &mut learnt, &place, &jobs);
        }
        gather = most.min(began.elapsed());
    }
}

/// Much of the program is never needed again once it runs.
pub(super) fn give_back_code() {
    if let Err(error) = kernel::own::give_back_code() {
        tracing::debug!(%error, "the code of the start stays in memory");
    }
}

/// What this kernel does right; a kernel that does nothing right is walked whole. What keeps it from being
/// tried out, such as a machine without memory, may pass.
fn abilities(board: &Board) -> Abilities {
    const TRIES: u32 = 4;
    for pause in (0..TRIES).map(|tries| Duration::from_millis(250) * 2u32.pow(tries)) {
        match probe() {
            Ok(can) => {
                let all = can.zone_filter && can.family_filter && can.zone_flush && can.id_guard && can.exact;
                if !all {
                    tracing::warn!(?can, "this kernel gets filters wrong; whole tables are walked instead");
                }
                return can;
            }
            Err(error) => tracing::warn!(%error, "filters could not be tried"),
        }
        if !board.rest(pause) {
            break;
        }
    }
    tracing::warn!("whole tables are walked, since filters could not be tried");
    Abilities::default()
}

fn purge(
    board: &Board,
    settings: &Settings,
    learnt: &mut Learnt,
    place: &Place,
    jobs: &[(jobs::Number, Arc<Job>)],
) {
    let began = Instant::now();
    let path: Option<PathBuf> = match place {
        Place::Host => settings.namespace.clone(),
        Place::Netns(name) => Some(settings.netns_dir.join(name)),
    };
    let mut round = Round {
        board,
        jobs,
        worked: Tally::new(jobs.len()),
        numbers: settings.numbers(),
        pace: settings.pace(),
        // Chance that others do not know: where addresses fall among hashes.
        seed: RandomState::new().hash_one(began),
    };
    let outcome = round.run(path.as_deref(), learnt);
    let worked = std::mem::take(&mut round.worked);
    let took_ms = began.elapsed().as_millis() as u64;
    let of = |at: usize, place_gone| Outcome {
        deleted: worked.deleted[at],
        gone: worked.gone[at],
        took_ms,
        place_gone,
    };
    let place_gone = match &outcome {
        Ok(()) => false,
        // The host's own namespace is not gone, however its name was spelt.
        Err(error) if error.is_gone() && *place != Place::Host => true,
        Err(ConntrackError::Stopped) => return,
        Err(error) => {
            tracing::warn!(%place, %error, jobs = jobs.len(), "a purge did not come to its end");
            for (at, (number, _)) in jobs.iter().enumerate() {
                board.failed(*number, &error.to_string(), of(at, false));
            }
            return;
        }
    };
    for (at, (number, job)) in jobs.iter().enumerate() {
        let outcome = of(at, place_gone);
        tracing::debug!(job.id = %job.id, reason = job.reason.name(), %place, outcome.deleted, "purged");
        board.done(*number, outcome);
    }
}
