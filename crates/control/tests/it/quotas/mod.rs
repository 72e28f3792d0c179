//! Quotas over HTTP, with an application's database that holds them.

mod crash;
mod family;
mod input;
mod race;
mod shapes;
mod time;
mod wall;
