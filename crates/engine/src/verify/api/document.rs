//! What the served OpenAPI document says: the operations, what each needs, and what its body holds.

use serde_json::Value;

use crate::verify::outcome::Stop;

/// One operation.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    /// `GET` and its kin.
    pub(super) method: String,
    /// With its parameters: `/api/tenants/{id}/keys/{key}`.
    pub(super) path: String,
    /// `x-permission`.
    pub(super) permission: Option<String>,
    /// The schema of the body, if it takes one.
    pub(super) body: Option<Value>,
    /// Names of the parameters of its query.
    pub(super) query: Vec<String>,
}

/// The place of the tenant in a path.
pub(super) const TENANT: &str = "{id}";

impl Operation {
    /// For the report.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Its path names a tenant.
    pub(super) fn is_inside(&self) -> bool {
        self.path.split('/').any(|part| part == TENANT)
    }

    /// The path for this tenant, with `other` in place of every other parameter.
    pub(super) fn at(&self, tenant: &str, other: &str) -> String {
        let fill = |part: &str| match part {
            TENANT => tenant.to_owned(),
            part if part.starts_with('{') => other.to_owned(),
            part => part.to_owned(),
        };
        self.path.split('/').map(fill).collect::<Vec<_>>().join("/")
    }

    /// The list that its last parameter is an entry of: the path before it.
    pub(super) fn collection(&self) -> Option<&str> {
        let at = self.path.rfind("/{")?;
        let collection = &self.path[..at];
        (collection.contains(TENANT) && !collection.ends_with(TENANT)).then_some(collection)
    }
}

/// The operations of a document.
pub(super) fn operations(document: &Value) -> Result<Vec<Operation>, Stop> {
    const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
    let paths = document["paths"].as_object().ok_or_else(|| Stop("/openapi.json holds no `paths`".into()))?;
    let mut found = Vec::new();
    for (path, item) in paths {
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let of_query = parameters.filter(|p| p["in"] == "query").filter_map(|p| p["name"].as_str());
            found.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                permission: operation["x-permission"].as_str().map(str::to_owned),
                body: operation["requestBody"]["content"]["application/json"].get("schema").cloned(),
                query: of_query.map(str::to_owned).collect(),
            });
        }
    }
    if found.is_empty() {
        return Err(Stop("/openapi.json holds no operation".into()));
    }
    Ok(found)
}
