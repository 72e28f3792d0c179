//! Pages of a list. A token says where to go on, for this actor and these filters alone: it is signed, so that nobody
//! makes one, and of no use to anybody else.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use utoipa::ToSchema;

use crate::ablation::{Protection, removed};
use crate::error::Error;
use crate::secret::Secret;

/// How a list is answered, for the document.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "a shape alone: answers are written where they are read from the database")]
pub(crate) struct Listed<T> {
    /// What there is, or a page of it.
    items: Vec<T>,
    /// For the next page, if there is one.
    next_page_token: Option<String>,
}

/// Entries of a page, unless the request says otherwise.
pub(crate) const PAGE_DEFAULT: u32 = 50;
/// Most entries of a page.
pub(crate) const PAGE_MAX: u32 = 200;
const MAC_BYTES: usize = 16;

/// How many entries a page shall have.
pub(crate) fn size(asked: Option<u32>) -> Result<i64, Error> {
    match asked.unwrap_or(PAGE_DEFAULT) {
        n @ 1..=PAGE_MAX => Ok(i64::from(n)),
        _ => Err(Error::field("pageSize", format!("give 1 to {PAGE_MAX}"))),
    }
}

/// The token that goes on after this entry. `bound` names actor, list and filters.
pub(crate) fn token(secret: &Secret, bound: &str, last: Uuid) -> String {
    let mut bytes = last.as_bytes().to_vec();
    bytes.extend_from_slice(&mac(secret, bound, last));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The entry after which to go on.
pub(crate) fn read(secret: &Secret, bound: &str, token: &str) -> Result<Uuid, Error> {
    let bad = || Error::field("pageToken", "give the nextPageToken of the page before, with the same filters");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| bad())?;
    let (id, given) = bytes.split_at_checked(16).ok_or_else(bad)?;
    let id = Uuid::from_slice(id).map_err(|_| bad())?;
    if bool::from(mac(secret, bound, id)[..].ct_eq(given)) || removed(Protection::PageOwner) {
        Ok(id)
    } else {
        Err(bad())
    }
}

fn mac(secret: &Secret, bound: &str, last: Uuid) -> [u8; MAC_BYTES] {
    let whole = secret.mac("page token", format!("{last}\n{bound}").as_bytes());
    std::array::from_fn(|at| whole[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_on_where_it_was_made_and_nowhere_else() {
        let (secret, id) = (Secret::random().unwrap(), Uuid::now_v7());
        let token = token(&secret, "a", id);
        assert_eq!(read(&secret, "a", &token).unwrap(), id);
        assert!(read(&secret, "b", &token).is_err());
        assert!(read(&Secret::random().unwrap(), "a", &token).is_err());
        for bad in ["", "x", &token[1..], &format!("{token}A"), &"A".repeat(token.len())] {
            assert!(read(&secret, "a", bad).is_err(), "{bad}");
        }
    }
}
