//! Measures tenant-scoped queries before and after, side by side.
