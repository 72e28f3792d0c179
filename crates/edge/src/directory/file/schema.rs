//! The file's JSON Schema, for editors and for whoever writes the file in another language.

use schemars::{Schema, SchemaGenerator, json_schema as schema};

use super::DirectoryFile;

/// The schema of the directory file, made from the types that read it.
pub fn json_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(DirectoryFile).to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".into(), "tenantry directory".into());
    }
    schema
}

pub(super) fn key_kind(_: &mut SchemaGenerator) -> Schema {
    schema!({ "type": "string", "enum": ["uuid", "integer", "bigint", "text"] })
}

pub(super) fn key_text(_: &mut SchemaGenerator) -> Schema {
    schema!({ "type": ["string", "integer"] })
}
