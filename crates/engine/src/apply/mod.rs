//! Runs a blueprint: apply, complete, roll back, status.
