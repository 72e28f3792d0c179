//! inspect, plan, apply, complete: from wherever the demonstration's database stands.

use tenantry_blueprint::classify::{Class, classify};
use tenantry_blueprint::file::Blueprint;
use tenantry_blueprint::plan;
use tenantry_engine::apply::{self, Options, RunState};
use tenantry_engine::inspect;
use tenantry_pg::connect;

use super::demo::Demo;
use crate::commands::apply::read_blueprint;
use crate::commands::plan as planning;
use crate::commands::reading::listed;
use crate::commands::running::Watch;
use crate::config::Settings;
use crate::errors::Failure;

/// Does what is left to do.
pub(super) async fn run(demo: &Demo, settings: &Settings) -> Result<(), Failure> {
    let output = &settings.output;
    let state = apply::status(&demo.target).await?.state;
    if state == Some(RunState::Completed) {
        output.say("isolated already");
        return Ok(());
    }
    let options = Options {
        credentials: demo.credentials(),
        allow_old_server: settings.allow_old_server,
        lock_out_old_logins: true,
        ..Options::default()
    };
    if state == Some(RunState::RollingBack) {
        apply::rollback(&demo.target, &options, &Watch::new(output)).await?;
    }
    if matches!(state, None | Some(RunState::Applying | RunState::RollingBack)) {
        let blueprint = match state {
            Some(RunState::Applying) => read_blueprint(&demo.folder)?,
            _ => make_blueprint(demo, settings).await?,
        };
        apply::apply(&demo.target, &blueprint, &options, &Watch::new(output)).await?;
        demo.write_pgpass()?;
    }
    apply::complete(&demo.target, &options, &Watch::new(output)).await?;
    Ok(())
}

/// inspect and plan.
async fn make_blueprint(demo: &Demo, settings: &Settings) -> Result<Blueprint, Failure> {
    let output = &settings.output;
    let client = connect(&demo.target).await?;
    let facts = inspect::server::facts(&client).await?;
    facts.check_version(settings.allow_old_server)?;
    let catalog = inspect::read(&client).await?;
    let classification = classify(&catalog, &demo.registry);
    let count = |class: Class| classification.tables.iter().filter(|v| v.class == class).count();
    output.say(&format!(
        "inspect: {} tables: {} direct, {} indirect, {} membership, {} shared, {} system, {} unknown",
        classification.tables.len(),
        count(Class::Direct),
        count(Class::Indirect),
        count(Class::Membership),
        count(Class::Shared),
        count(Class::System),
        count(Class::Unknown)
    ));
    let options = plan::Options::default();
    let blueprint = planning::make(&client, &catalog, &classification, &demo.registry, &options, true, output).await?;
    client.close().await;
    planning::write(&demo.folder, &blueprint, &classification)?;
    if blueprint.blocking().next().is_some() {
        return Err(Failure::bug(format!("plan the demonstration:\n{}", listed(blueprint.blocking()))));
    }
    output.say(&format!("plan: {} steps, written to {}", blueprint.steps.len(), demo.folder.display()));
    Ok(blueprint)
}
