//! The signed tenant context on a real server: nothing that SQL can say changes the tenant, and every refusal
//! says what to do.

mod fixture;
mod kinds;
