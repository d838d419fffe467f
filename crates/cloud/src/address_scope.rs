//! Address scopes: within one no address means two things.

use model::AddressScopeId;
use model::api::address_scope::{AddressScope, AddressScopeCreate, AddressScopeUpdate};

use crate::{Refusal, Stamp};

/// Makes an address scope of a checked request.
pub fn create(new: AddressScopeCreate, stamp: &mut Stamp) -> AddressScope {
    let mut rest = new.rest;
    rest.insert("created_us".into(), stamp.now_us.into());
    AddressScope {
        id: AddressScopeId(stamp.uuid()),
        project_id: new.project_id,
        ip_version: new.ip_version,
        rest,
    }
}

/// Applies a checked change. `shared`: whether everybody has it.
pub fn update(
    before: &AddressScope,
    change: AddressScopeUpdate,
    shared: bool,
) -> Result<AddressScope, Refusal> {
    if shared && change.shared == Some(false) {
        return Err(Refusal::ScopeStaysShared(before.id));
    }
    let mut after = before.clone();
    after.rest.extend(change.rest);
    Ok(after)
}
