//! Looks at the data before anything is changed: rows whose parent belongs to another tenant, orphans, NULLs.
