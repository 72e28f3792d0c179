//! Attacks an isolated database with the application's own credentials.
