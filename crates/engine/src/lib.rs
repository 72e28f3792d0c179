//! The hands on an application's database: read it, change it online, attack it, give it back.
//!
//! `Catalog → Blueprint → Journal → Report` are values at every joint; the deciding is `blueprint`'s.

pub mod apply;
pub mod bench;
pub mod credentials;
pub mod inspect;
pub mod journal;
pub mod report;
pub mod survey;
pub mod verify;
