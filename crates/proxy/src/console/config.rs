//! `SHOW CONFIG`: the settings of this moment that are no secrets.

use super::table::{TEXT, Table, text};
use crate::settings::Settings;

pub(super) fn table(settings: &Settings) -> Table {
    let mut table = Table::new(&[("key", TEXT), ("value", TEXT), ("changeable", TEXT)]);
    let list = |items: &[String]| items.join(", ");
    let listen: Vec<String> = settings.listen.iter().map(ToString::to_string).collect();
    let databases: Vec<String> = settings.databases.iter().map(|d| d.name.to_string()).collect();
    let logins: Vec<String> = settings.logins.iter().map(|l| l.name.clone()).collect();
    let tls = match &settings.tls {
        None => "off",
        Some(tls) if tls.required => "required",
        Some(_) => "offered",
    };
    for (key, value, changeable) in [
        ("listen", list(&listen), "no"),
        ("workers", settings.workers.to_string(), "no"),
        ("separator", settings.separator.to_string(), "yes"),
        ("presets", list(&settings.presets), "yes"),
        ("parameters", list(&settings.parameters), "yes"),
        ("clients_max", (settings.clients_max * settings.workers).to_string(), "yes"),
        ("prepared_max", settings.prepared_max.to_string(), "yes"),
        ("queue_wait_ms", settings.queue_wait.as_millis().to_string(), "yes"),
        ("login_within_ms", settings.login_within.as_millis().to_string(), "yes"),
        ("read_within_ms", settings.read_within.as_millis().to_string(), "yes"),
        ("drain_within_ms", settings.drain_within.as_millis().to_string(), "yes"),
        ("tls", tls.to_owned(), "yes"),
        ("databases", list(&databases), "yes"),
        ("logins", list(&logins), "yes"),
    ] {
        table.row([text(key), text(value), text(changeable)]);
    }
    table
}
