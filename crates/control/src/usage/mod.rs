//! What tenants use: counted at gateway and proxy, sampled in the application's database, added up by hour and day.
//!
//! - [`Report`]: what a gateway or a proxy counted since its last one. [`Counts`]: the numbers.
//! - [`sample`]: how many rows and bytes lie in which table, and what quota guards counted.
//! - [`document`]: how it is shown. A number that nobody knows is null, and the document says why: never a zero.

pub(crate) mod counts;
pub mod document;
pub(crate) mod http;
mod report;
pub(crate) mod sample;
pub(crate) mod store;

pub use counts::{COUNT_MAX, Counts};
pub use report::{Latency, Report, Source, TENANTS_MAX};
pub use sample::{Sampled, SampledTable};

pub(crate) use report::take;

use crate::db::{Db, Scope};
use crate::error::Error;

/// Forgets hours and days that are old.
pub(crate) async fn forget(db: &Db) -> Result<(), Error> {
    let tx = db.write(Scope::Platform, "task:usage").await?;
    store::forget(&tx).await?;
    tx.commit().await
}
