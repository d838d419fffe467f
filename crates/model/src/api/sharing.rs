//! What RBAC policies grant, as SQL for the tables of what can be shared.

/// Ids of what is shared with the project that asks.
macro_rules! granted {
    () => {
        "(SELECT b.object_id FROM rbac_policies b WHERE b.target_tenant IN ('*', {project}))"
    };
}

/// Whether a row is of the project that asks, or what an id names is shared with it.
macro_rules! own_or_granted {
    ($table:literal, $id:literal) => {
        concat!($table, ".project_id = {project} OR ", $id, " IN ", $crate::api::sharing::granted!())
    };
}

/// Whether what an id names is shared with who reads, for one use of it or any: its own project is not asked
/// about.
macro_rules! shared {
    ($id:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM rbac_policies b WHERE b.object_id = ",
            $id,
            " AND b.target_tenant IN ('*', {reader}))"
        )
    };
    ($id:literal, $action:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM rbac_policies b WHERE b.object_id = ",
            $id,
            " AND b.action = '",
            $action,
            "' AND b.target_tenant IN ('*', {reader}))"
        )
    };
}

pub(crate) use {granted, own_or_granted, shared};
