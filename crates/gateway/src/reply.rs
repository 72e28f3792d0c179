//! Answers of our own: RFC 9457 problems, and what else the gateway says itself.

use crate::refusal::Refusal;

/// An answer without an application.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    /// Whole header lines, each with its line end.
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
    pub(crate) close: bool,
    /// Why, for log and metrics; `None` where it is no refusal.
    pub(crate) cause: Option<Refusal>,
}

impl Reply {
    /// The answer to a refused request.
    pub(crate) fn refused(refusal: Refusal, request_id: &str) -> Self {
        if refusal == Refusal::WebhookDelivered {
            let plain = Self::plain(200, "application/json", "{\"delivered\":true}\n");
            return Self { cause: Some(refusal), ..plain };
        }
        let status = refusal.status();
        let code = refusal.page().to_ascii_uppercase().replace('-', "_");
        let body = serde_json::json!({
            "type": format!("docs/errors/{}.md", refusal.page()),
            "title": reason(status),
            "status": status,
            "detail": format!("{refusal}. {}", refusal.hint()),
            "code": code,
            "requestId": request_id,
        });
        let mut headers = String::from("Cache-Control: no-store\r\n");
        if let Some(wait) = refusal.retry_after() {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.push_str(&format!("Retry-After: {}\r\n", seconds.max(1)));
        }
        match refusal {
            Refusal::CredentialRequired => headers.push_str("WWW-Authenticate: Bearer\r\n"),
            Refusal::CredentialRefused => headers.push_str("WWW-Authenticate: Bearer error=\"invalid_token\"\r\n"),
            Refusal::Method => headers.push_str("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"),
            _ => {}
        }
        Self {
            status,
            content_type: "application/problem+json",
            headers,
            body: serde_json::to_vec(&body).unwrap_or_default(),
            close: refusal.ends_connection(),
            cause: Some(refusal),
        }
    }

    /// A plain answer.
    pub(crate) fn plain(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type, headers: String::new(), body: body.into(), close: false, cause: None }
    }

    /// As HTTP/1.1 has it.
    pub(crate) fn write(&self, out: &mut Vec<u8>, request_id: &str, head_only: bool, close: bool) {
        let reason = reason(self.status);
        out.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", self.status).as_bytes());
        if self.status != 204 {
            let (kind, length) = (self.content_type, self.body.len());
            out.extend_from_slice(format!("Content-Type: {kind}\r\nContent-Length: {length}\r\n").as_bytes());
        }
        out.extend_from_slice(self.headers.as_bytes());
        out.extend_from_slice(format!("X-Request-ID: {request_id}\r\nX-Content-Type-Options: nosniff\r\n").as_bytes());
        if close {
            out.extend_from_slice(b"Connection: close\r\n");
        }
        out.extend_from_slice(b"\r\n");
        if !head_only && self.status != 204 {
            out.extend_from_slice(&self.body);
        }
    }
}

/// The words behind a status.
pub(crate) fn reason(status: u16) -> &'static str {
    hyper::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_problem_names_its_page_and_what_to_do() {
        let reply = Reply::refused(Refusal::RateLimited(Duration::from_millis(1200)), "r1");
        let value: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(value["code"], "RATE_LIMITED");
        assert_eq!(value["type"], "docs/errors/rate-limited.md");
        assert_eq!((value["status"].as_u64(), value["requestId"].as_str()), (Some(429), Some("r1")));
        assert!(reply.headers.contains("Retry-After: 2\r\n"));
        let mut out = Vec::new();
        reply.write(&mut out, "r1", true, true);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("HTTP/1.1 429 Too Many Requests\r\n") && text.ends_with("Connection: close\r\n\r\n"));
    }
}
