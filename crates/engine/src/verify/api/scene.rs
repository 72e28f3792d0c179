//! Two tenants that are let in, each as itself, and the routes there are.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use super::document::{Operation, operations};
use super::{Answer, Asked, Line, Log, Request, Side, samples};
use crate::verify::outcome::Stop;

/// An id that is nobody's.
pub(super) const NOBODY: &str = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";
/// Requests of one run, at most.
const ASKED_MAX: u64 = 10_000;

/// Everything an attack works with.
pub(crate) struct Scene<'a> {
    pub(super) request: &'a Request,
    pub(super) operations: Vec<Operation>,
    pub(super) log: Option<&'a dyn Log>,
    document: Value,
    line: &'a dyn Line,
    asked: AtomicU64,
    salt: u64,
}

impl<'a> Scene<'a> {
    /// Both are let in with their own, and neither without. Nothing is attacked if they are not.
    pub(super) async fn new(request: &'a Request, line: &'a dyn Line, log: Option<&'a dyn Log>) -> Result<Self, Stop> {
        let mut scene = Self {
            request,
            operations: Vec::new(),
            log,
            document: Value::Null,
            line,
            asked: AtomicU64::new(0),
            salt: u64::try_from(jiff::Timestamp::now().as_microsecond()).unwrap_or_default(),
        };
        let document = scene.send("GET", "/openapi.json", &[], None).await?;
        if document.status != 200 {
            return Err(Stop(format!("/openapi.json is answered {}", document.status)));
        }
        scene.document = document.body;
        scene.operations = operations(&scene.document)?;
        if request.a.tenant == request.b.tenant {
            return Err(Stop("both sides are one tenant".into()));
        }
        for (name, side) in [("a", &request.a), ("b", &request.b)] {
            let path = format!("/api/tenants/{}", side.tenant);
            let own = scene.as_side(side, "GET", &path, None).await?;
            if own.status != 200 || own.body["id"] != *side.tenant {
                return Err(Stop(format!("[{name}] is answered {} at its own tenant", own.status)));
            }
        }
        Ok(scene)
    }

    /// As a tenant.
    pub(super) async fn as_side(
        &self,
        side: &Side,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Answer, Stop> {
        self.with_key(&side.key, method, path, body).await
    }

    /// With a key.
    pub(super) async fn with_key(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Answer, Stop> {
        self.send(method, path, &[("authorization", &format!("Bearer {key}"))], body).await
    }

    /// Whatever this is.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Result<Answer, Stop> {
        if self.asked.fetch_add(1, Ordering::Relaxed) >= ASKED_MAX {
            return Err(Stop(format!("more than {ASKED_MAX} requests would be needed")));
        }
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let asked = Asked { method: method.to_owned(), path: path.to_owned(), headers, body };
        self.line.ask(asked).await.map_err(Stop)
    }

    /// A body that fits an operation, another one each time; none if it takes none.
    pub(super) fn body(&self, operation: &Operation) -> Option<Value> {
        let salt = format!("{:x}", self.salt.wrapping_add(self.asked.load(Ordering::Relaxed)));
        operation.body.as_ref().map(|schema| samples::body(&self.document, schema, &salt))
    }

    /// What the body of an operation knows.
    pub(super) fn known(&self, operation: &Operation) -> Vec<String> {
        operation.body.as_ref().map(|schema| samples::known(&self.document, schema)).unwrap_or_default()
    }

    /// Operations whose path names a tenant.
    pub(super) fn inside(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|o| o.is_inside())
    }

    /// The id of something of a tenant's in this list, if it has one.
    pub(super) async fn entry_of(&self, side: &Side, collection: &str) -> Result<Option<String>, Stop> {
        let path = collection.replace(super::document::TENANT, &side.tenant);
        if path.contains('{') {
            return Ok(None);
        }
        let list = self.as_side(side, "GET", &path, None).await?;
        let items = list.body["items"].as_array().or(list.body.as_array());
        let first = items.and_then(|i| i.first());
        let id = |item: &Value| ["id", "userId", "name"].iter().find_map(|k| item[*k].as_str().map(str::to_owned));
        Ok(first.and_then(id))
    }
}
