//! Users: whoever may sign in. A user is a subject of an issuer, and the platform's to make and to remove; where he
//! belongs is `members`', and the tenants' own.
//!
//! Removing one takes his memberships with him, so that is refused while a tenant has no other Admin.

pub(crate) mod http;
pub(crate) mod store;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::Error;

/// Longest name of an issuer.
pub(crate) const ISSUER_BYTES_MAX: usize = 500;
/// Longest subject: OpenID Connect says so.
pub(crate) const SUBJECT_BYTES_MAX: usize = 255;

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Its id.
    pub id: Uuid,
    /// Who says who he is: `iss` of his tokens.
    pub issuer: String,
    /// What the issuer calls him: `sub` of his tokens.
    pub subject: String,
    /// His address, for people; nobody is recognised by it.
    pub email: Option<String>,
    /// His name, for people.
    pub name: Option<String>,
    /// `Operator`, or nothing.
    pub platform_role: Option<String>,
    /// `active` or `disabled`.
    pub status: String,
    /// When he last signed in.
    pub last_login_at: Option<Timestamp>,
    #[serde(skip)]
    pub(crate) version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

/// Checks what names somebody at an issuer.
pub(crate) fn check_name(issuer: &str, subject: &str) -> Result<(), Error> {
    let plain = |text: &str, most: usize| !text.is_empty() && text.len() <= most && !text.chars().any(char::is_control);
    if !plain(issuer, ISSUER_BYTES_MAX) {
        return Err(Error::field("issuer", "give the issuer's name as it stands in `iss`, to the letter"));
    }
    if !plain(subject, SUBJECT_BYTES_MAX) {
        let message = format!("give 1 to {SUBJECT_BYTES_MAX} bytes, as in `sub` of the user's tokens");
        return Err(Error::field("subject", message));
    }
    Ok(())
}

/// Checks what people are shown of a user.
pub(crate) fn check_description(email: Option<&str>, name: Option<&str>) -> Result<(), Error> {
    if email.is_some_and(|e| !is_address(e)) {
        return Err(Error::field("email", "give an e-mail address like ada@example.com"));
    }
    if name.is_some_and(|n| n.trim().is_empty() || n.chars().count() > 200 || n.chars().any(char::is_control)) {
        return Err(Error::field("name", "give 1 to 200 characters, none of them a control character"));
    }
    Ok(())
}

/// Whether a text can be an address.
pub(crate) fn is_address(text: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '@';
    text.len() <= 254
        && text.split_once('@').is_some_and(|(who, place)| {
            !who.is_empty() && who.chars().all(plain) && place.contains('.') && place.chars().all(plain)
        })
}
