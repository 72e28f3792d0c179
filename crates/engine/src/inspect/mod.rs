//! Reads the catalog of a database.
