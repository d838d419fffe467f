//! Keeps the database's log short, so that no commit has to.

use std::time::Duration;

use crate::app::App;

const INTERVAL: Duration = Duration::from_secs(1);

pub async fn run(app: App) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        if let Err(error) = app.db().checkpoint().await {
            tracing::warn!(%error, "the database's log was not moved into its file; tried again soon");
        }
    }
}
