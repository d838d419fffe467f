//! Where floating IPs come from: listed, and nothing else.

use axum::http::Method;
use cloud::Refusal;
use model::api::floatingip_pool::FLOATINGIP_POOL;
use model::api::{Invalid, query};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call};

pub async fn dispatch(app: &App, call: &Call, id: Option<&str>) -> Result<Answer, Fault> {
    match (&call.method, id) {
        (&Method::GET, None) => list(app, call).await,
        (&Method::POST, None) => Err(Invalid::request("POST creates no pools: subnets are.").into()),
        (_, id) => {
            let id = id.unwrap_or("None").to_owned();
            Err(Refusal::NotFound { table: &FLOATINGIP_POOL, id }.into())
        }
    }
}

async fn list(app: &App, call: &Call) -> Result<Answer, Fault> {
    let query = query::parse(&FLOATINGIP_POOL, &call.query, None)?;
    let guard = Guard::of(app, call);
    let project = &call.caller.project_id;
    let mut pools: Vec<Map<String, Value>> = Vec::new();
    if guard.may("get_floatingip_pool", project).is_ok() {
        let mut tx = app.db().read().await?;
        let reader = guard.answers(&FLOATINGIP_POOL);
        let page = tx.list(&FLOATINGIP_POOL, &query, &reader, b"[".to_vec()).await?;
        // After a marker that is not there follows nothing.
        let json = page.map_or_else(|| b"[".to_vec(), |page| page.json);
        let json = [json.as_slice(), b"]"].concat();
        pools = serde_json::from_slice(&json).expect("the database's door writes JSON");
    }
    for pool in &mut pools {
        for name in ["project_id", "tenant_id"] {
            if let Some(shown) = pool.get_mut(name) {
                *shown = json!(project);
            }
        }
    }
    Ok(Answer::ok(&json!({ "floatingip_pools": pools })))
}
