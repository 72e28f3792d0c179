//! Reports for people and machines: HTML, JSON, SARIF, JUnit.
