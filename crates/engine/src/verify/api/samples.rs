//! Bodies that fit a schema: the least that is required, with values that are nobody's.

use serde_json::{Map, Value, json};

/// How deep a schema is followed.
const DEPTH_MAX: usize = 6;

/// A body for this schema. `salt` stands in texts, so that two bodies name two things.
pub(super) fn body(document: &Value, schema: &Value, salt: &str) -> Value {
    sample(document, schema, "body", salt, 0)
}

/// The names of what a schema knows, at its first level.
pub(super) fn known(document: &Value, schema: &Value) -> Vec<String> {
    let schema = resolved(document, schema);
    schema["properties"].as_object().map(|p| p.keys().cloned().collect()).unwrap_or_default()
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let Some(pointer) = schema["$ref"].as_str().and_then(|r| r.strip_prefix('#')) else { return schema };
    document.pointer(pointer).unwrap_or(schema)
}

fn sample(document: &Value, schema: &Value, name: &str, salt: &str, depth: usize) -> Value {
    let schema = resolved(document, schema);
    if depth > DEPTH_MAX {
        return Value::Null;
    }
    if let Some(first) = schema["enum"].as_array().and_then(|e| e.last()) {
        return first.clone();
    }
    let any = ["oneOf", "anyOf", "allOf"].iter().find_map(|k| schema[*k].as_array()).into_iter().flatten();
    if let Some(one) = any.clone().find(|s| s["type"] != "null") {
        return sample(document, one, name, salt, depth + 1);
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|k| *k != "null").unwrap_or("object"),
        kind => kind.as_str().unwrap_or("object"),
    };
    match kind {
        "string" => text(schema, name, salt),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        "boolean" => json!(false),
        "array" => match schema["minItems"].as_u64() {
            Some(1..) => json!([sample(document, &schema["items"], name, salt, depth + 1)]),
            _ => json!([]),
        },
        _ => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let fields = required.map(|field| {
                let value = sample(document, &schema["properties"][field], field, salt, depth + 1);
                (field.to_owned(), value)
            });
            Value::Object(fields.collect::<Map<_, _>>())
        }
    }
}

fn text(schema: &Value, name: &str, salt: &str) -> Value {
    let plain = name.to_lowercase();
    match schema["format"].as_str() {
        Some("uuid") => json!("0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"),
        Some("date-time") => json!("2999-01-01T00:00:00Z"),
        Some("uri") => json!(format!("https://{salt}.verify.example")),
        _ if plain.contains("email") => json!(format!("{salt}@verify.example")),
        _ if plain.contains("url") => json!(format!("https://{salt}.verify.example")),
        _ if plain.contains("slug") => json!(format!("verify-{salt}")),
        _ => json!(format!("verify {salt} by tenantry")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_holds_what_is_required_and_nothing_else() {
        let document = json!({ "components": { "schemas": {
            "Role": { "type": "string", "enum": ["Admin", "Viewer"] },
            "New": { "type": "object", "required": ["name", "role", "slug", "email", "count", "of", "list"], "properties": {
                "name": { "type": "string" }, "role": { "$ref": "#/components/schemas/Role" },
                "slug": { "type": "string" }, "email": { "type": ["string", "null"] },
                "count": { "type": "integer", "minimum": 3 }, "left": { "type": "string" },
                "of": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Role" }] },
                "list": { "type": "array", "items": { "type": "string" } } } } } } });
        let schema = json!({ "$ref": "#/components/schemas/New" });
        assert_eq!(
            body(&document, &schema, "x1"),
            json!({ "name": "verify x1 by tenantry", "role": "Viewer", "slug": "verify-x1", "email": "x1@verify.example",
                    "count": 3, "of": "Viewer", "list": [] })
        );
        assert_eq!(known(&document, &schema).len(), 8);
    }
}
