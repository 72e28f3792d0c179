//! One number for a structure: apply refuses a database whose number differs from its blueprint's.

use sha2::{Digest, Sha256};

use super::Catalog;

impl Catalog {
    /// SHA-256, in hexadecimal, over everything that decides what a blueprint does.
    ///
    /// Left out: sizes, statistics, object ids and the server's minor version, which change without the
    /// schema changing, and what belongs to the whole server: roles, their settings, rights on parameters.
    pub fn fingerprint(&self) -> String {
        let mut c = self.clone();
        c.server_version.clear();
        c.server_version_num /= 10_000;
        c.large_objects = 0;
        c.roles.clear();
        c.stored_settings.clear();
        c.parameter_acls.clear();
        for t in &mut c.tables {
            t.oid = 0;
            // a column that was added and dropped again leaves its slot behind
            t.column_slots = 0;
            t.size = Default::default();
            for column in &mut t.columns {
                column.null_fraction = None;
                column.distinct = None;
            }
            for index in &mut t.indexes {
                index.bytes = 0;
            }
        }
        let text = serde_json::to_vec(&c).unwrap_or_default();
        Sha256::digest(&text).iter().map(|b| format!("{b:02x}")).collect()
    }
}
