//! `neutrino software`: packages, their files, and orders to install them, by the API.

mod api;
mod upload;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};
use hyper::Method;
use serde_json::{Value, json};

use crate::serve;
use api::Api;
use upload::UploadArgs;

#[derive(Subcommand)]
pub enum SoftwareCommand {
    /// Brings a .deb, an .rpm or an archive; one that broke off goes on
    Upload(UploadArgs),
    /// Lists packages and their versions
    List,
    /// Shows a version, or a package, by its id
    Show { id: String },
    /// Deletes a version, or a package, by its id
    Delete {
        id: String,
        /// Also one that is to be installed, or a package with versions
        #[arg(long)]
        force: bool,
    },
    /// Takes a version out of all indexes; what has it keeps it
    Yank {
        id: String,
        /// Puts it back
        #[arg(long)]
        undo: bool,
    },
    /// Has instances install packages
    #[command(subcommand)]
    Order(OrderCommand),
}

#[derive(Subcommand)]
pub enum OrderCommand {
    /// Orders packages to be installed
    Create(OrderArgs),
    /// Lists orders
    List,
    /// Shows an order, and what became of it in each instance
    Show { id: String },
    /// Calls an order off: what was not begun does not begin
    Cancel { id: String },
    /// Tries again where it failed or was called off
    Retry { id: String },
}

#[derive(Args)]
pub struct OrderArgs {
    /// Names of packages, or NAME=VERSION
    #[arg(required = true)]
    packages: Vec<String>,
    /// Where: the id of a port or of an instance; may repeat
    #[arg(long = "on", value_name = "ID", required = true)]
    targets: Vec<String>,
}

pub async fn run(command: &SoftwareCommand) -> anyhow::Result<ExitCode> {
    let api = Api::open().await?;
    let shown = match command {
        SoftwareCommand::Upload(asked) => return upload::run(&api, asked).await,
        SoftwareCommand::List => return list(&api).await,
        SoftwareCommand::Show { id } => {
            let (path, _) = found(&api, id).await?;
            Some(api.get(&path).await?)
        }
        SoftwareCommand::Delete { id, force } => {
            let (path, _) = found(&api, id).await?;
            api.ask(Method::DELETE, &format!("{path}?force={force}"), Value::Null).await?.done()?;
            None
        }
        SoftwareCommand::Yank { id, undo } => {
            let change = json!({ "software_version": { "yanked": !undo } });
            api.ask(Method::PUT, &format!("software-versions/{id}"), change).await?.done()?;
            None
        }
        SoftwareCommand::Order(command) => order(&api, command).await?,
    };
    if let Some(shown) = shown {
        serve::print(serde_json::to_string_pretty(first(&shown))?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The resource of an answer.
fn first(answer: &Value) -> &Value {
    answer.as_object().and_then(|fields| fields.values().next()).unwrap_or(answer)
}

/// Where a version or a package is, by its id.
async fn found(api: &Api, id: &str) -> anyhow::Result<(String, Value)> {
    let version = format!("software-versions/{id}");
    let answer = api.ask(Method::GET, &version, Value::Null).await?;
    if answer.status != 404 {
        return Ok((version, answer.done()?));
    }
    let package = format!("software-packages/{id}");
    let shown = api.get(&package).await?;
    Ok((package, shown))
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map(str::to_owned)
        .or_else(|| Some(value.to_string()).filter(|_| !value.is_null()))
        .unwrap_or_default()
}

async fn list(api: &Api) -> anyhow::Result<ExitCode> {
    let packages = api.get("software-packages?sort_key=name&sort_dir=asc").await?;
    let versions = api.get("software-versions").await?;
    let mut table = table(["package", "format", "version", "architecture", "status", "bytes", "id"]);
    for package in packages["software_packages"].as_array().into_iter().flatten() {
        let all = versions["software_versions"].as_array().into_iter().flatten();
        let mut of: Vec<&Value> = all.filter(|version| version["package_id"] == package["id"]).collect();
        let none = json!({ "id": package["id"] });
        if of.is_empty() {
            of.push(&none);
        }
        for version in of {
            let status = if version["yanked"] == true { "YANKED".into() } else { text(&version["status"]) };
            table.add_row([
                text(&package["name"]),
                text(&package["format"]),
                text(&version["version"]),
                text(&version["architecture"]),
                status,
                text(&version["size"]),
                text(&version["id"]),
            ]);
        }
    }
    serve::print(table.to_string())?;
    Ok(ExitCode::SUCCESS)
}

async fn order(api: &Api, command: &OrderCommand) -> anyhow::Result<Option<Value>> {
    let act = async |id: &str, action: &str| {
        api.ask(Method::PUT, &format!("software-orders/{id}/{action}"), Value::Null).await?.done()
    };
    Ok(Some(match command {
        OrderCommand::Create(asked) => {
            let package = |text: &String| match text.split_once('=') {
                Some((name, version)) => json!({ "name": name, "version": version }),
                None => json!({ "name": text }),
            };
            let packages: Vec<Value> = asked.packages.iter().map(package).collect();
            let order = json!({ "packages": packages, "targets": asked.targets });
            api.ask(Method::POST, "software-orders", json!({ "software_order": order })).await?.done()?
        }
        OrderCommand::Show { id } => api.get(&format!("software-orders/{id}")).await?,
        OrderCommand::Cancel { id } => act(id, "cancel").await?,
        OrderCommand::Retry { id } => act(id, "retry").await?,
        OrderCommand::List => {
            let orders = api.get("software-orders").await?;
            let mut table = table(["order", "packages", "instances", "status", "made"]);
            for order in orders["software_orders"].as_array().into_iter().flatten() {
                let names = order["packages"].as_array().into_iter().flatten();
                let names: Vec<String> = names.map(|package| text(&package["name"])).collect();
                let count = order["states"].as_array().map_or(0, Vec::len).to_string();
                let (id, status) = (text(&order["id"]), text(&order["status"]));
                table.add_row([id, names.join(" "), count, status, text(&order["created_at"])]);
            }
            serve::print(table.to_string())?;
            return Ok(None);
        }
    }))
}
