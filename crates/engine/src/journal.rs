//! What was done to a database, recorded in that database.
