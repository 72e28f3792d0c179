//! The file's JSON Schema, for editors.

use super::Registry;

/// The schema of `tenantry.toml`, made from the types that read it.
pub fn json_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Registry).to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".into(), "tenantry.toml".into());
    }
    schema
}
