//! A table that every tenant reads holds data of people or secrets.

use super::tools::{Report, Scene, list};
use crate::classify::Class;
use crate::file::Severity;
use crate::registry::Access;

const PERSONAL: &[&str] = &["email", "phone", "phonenumber", "firstname", "lastname", "fullname", "birthday", "birthdate", "address", "ssn", "ip", "ipaddress"];
const SECRET: &[&str] = &[
    "password", "passwordhash", "encryptedpassword", "hashedpassword", "passworddigest", "token", "accesstoken", "refreshtoken", "secret", "otpsecret",
    "totpsecret", "apikey", "privatekey", "clientsecret", "recoverycodes", "backupcodes",
];

pub(super) fn find(scene: &Scene<'_>, report: &mut Report) {
    for (table, _) in scene.tables().filter(|(_, v)| v.class == Class::Shared) {
        if scene.registry.table(&table.name).is_some_and(|e| e.access == Some(Access::None)) {
            continue;
        }
        let columns = |words: &[&str]| -> Vec<String> {
            let squash = |n: &str| n.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
            table.columns.iter().filter(|c| words.contains(&squash(c.name.as_str()).as_str())).map(|c| c.name.to_string()).collect()
        };
        let (personal, secret) = (columns(PERSONAL), columns(SECRET));
        if personal.is_empty() && secret.is_empty() {
            continue;
        }
        report.add(
            if secret.is_empty() { Severity::Medium } else { Severity::High },
            &table.name,
            format!("it belongs to no tenant, so every tenant reads {} of everybody", list(personal.iter().chain(&secret))),
            "give the runtime logins no access (access = \"none\") and let the application find rows through a declared look-up, or grant only the harmless columns through a view",
        );
    }
}
