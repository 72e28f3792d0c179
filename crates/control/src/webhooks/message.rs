//! An event as it goes out: CloudEvents 1.0, structured JSON.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

/// An event that was written into the outbox.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Its id: the same for every endpoint and every try.
    pub(crate) id: Uuid,
    pub(crate) source: String,
    pub(crate) kind: String,
    pub(crate) subject: Option<String>,
    pub(crate) time: Timestamp,
    pub(crate) tenant: Option<Uuid>,
    pub(crate) data: Value,
}

impl Message {
    /// What is sent and signed. The tenant stands inside: nothing beside the body says whose it is.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = json!({
            "specversion": "1.0", "id": self.id, "source": self.source, "type": self.kind, "time": self.time,
            "datacontenttype": "application/json",
        });
        if let Some(subject) = &self.subject {
            body["subject"] = json!(subject);
        }
        if let Some(tenant) = self.tenant {
            body["tenantid"] = json!(tenant);
        }
        body["data"] = self.data.clone();
        body.to_string().into_bytes()
    }
}
