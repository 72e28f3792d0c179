//! Writes `tenantry.toml`: the same registry gives the same text, in an order a reviewer reads with ease.

use std::fmt::Write as _;

use super::{Access, LookupEntry, Method, Registry, ResourceEntry, RoleEntries, TableEntry, ToolEntry};
use crate::classify::{Class, Classification, NullTenant, Verdict};

/// Below this confidence a reviewer is asked to look, though the rules agree.
const UNSURE: f64 = 0.7;

/// Order of the sections, and what each is about.
const SECTIONS: &[(Class, &str)] = &[
    (Class::Unknown, "To be decided: `plan` and `check` refuse to go on while a table stands here"),
    (Class::Root, "The tenant table"),
    (Class::Direct, "Has the tenant column"),
    (Class::Membership, "Joins people to tenants"),
    (Class::Indirect, "Reaches the tenant by references"),
    (Class::Shared, "The same for every tenant"),
    (Class::System, "Kept by a framework; no tenant reads it"),
];

impl Registry {
    /// The file's text.
    pub fn render(&self) -> String {
        self.write(None)
    }

    /// The file's text with what the rules found out as comments: reasons, and the questions of unknown tables.
    pub fn render_with(&self, classification: &Classification) -> String {
        self.write(Some(classification))
    }

    fn write(&self, found: Option<&Classification>) -> String {
        let mut out = String::from(
            "# What each table of this database is. Reviewed by people; it wins over every rule.\n\
             # Keys and values: docs/reference/registry.md\n\n",
        );
        line(&mut out, "format", self.format.to_string());
        self.write_root(&mut out, found);
        if let Some(scope) = &self.scope {
            out.push_str("\n[scope]\n");
            line(&mut out, "table", text(&scope.table));
            line(&mut out, "column", text(&scope.column));
        }
        write_roles(&mut out, &self.roles);
        write_tool(&mut out, &self.tool);
        let sections =
            [("proxy", &self.proxy), ("gateway", &self.gateway), ("control", &self.control), ("cache", &self.cache)];
        for (name, section) in sections {
            if let Some(section) = section {
                write_section(&mut out, name, section);
            }
        }
        for (class, title) in SECTIONS {
            let tables: Vec<(&String, &TableEntry)> = self.tables.iter().filter(|(_, e)| e.class == *class).collect();
            if !tables.is_empty() {
                let _ = write!(out, "\n\n# ---- {title} ({})\n", tables.len());
            }
            for (name, entry) in tables {
                let verdict = found.and_then(|f| f.tables.iter().find(|v| &v.table.to_string() == name));
                write_table(&mut out, name, entry, verdict);
            }
        }
        for (section, objects) in [("views", &self.views), ("functions", &self.functions)] {
            for (name, entry) in objects {
                let _ = write!(out, "\n[{section}.{}]\n", text(name));
                line(&mut out, "access", text(access(entry.access)));
                line(&mut out, "reason", text(&entry.reason));
            }
        }
        for lookup in &self.lookups {
            write_lookup(&mut out, lookup);
        }
        for (name, entry) in &self.resources {
            write_resource(&mut out, name, entry);
        }
        for a in &self.accept {
            out.push_str("\n[[accept]]\n");
            line(&mut out, "id", text(&a.id));
            line(&mut out, "object", text(&a.object));
            line(&mut out, "reason", text(&a.reason));
        }
        out
    }

    fn write_root(&self, out: &mut String, found: Option<&Classification>) {
        let Some(root) = &self.root else {
            if found.is_some() {
                out.push_str(
                    "\n# No tenant table was found. To have one made, name it here and run `tenantry plan --create-root`:\n\
                     # [root]\n# table = \"public.tenants\"\n# create = true\n",
                );
            }
            return;
        };
        out.push_str("\n[root]\n");
        if let Some(found) = found {
            for reason in &found.root.reasons {
                comment(out, reason);
            }
            if let Some(question) = &found.root.question {
                comment(out, &format!("QUESTION: {question}"));
            }
            for (other, why) in &found.root.alternatives {
                comment(out, &format!("another level: {other} ({why})"));
            }
        }
        for (key, value) in
            [("table", &root.table), ("key", &root.key), ("column", &root.column), ("parent", &root.parent)]
        {
            if let Some(value) = value {
                line(out, key, text(value));
            }
        }
        if root.create {
            line(out, "create", "true".into());
        }
    }
}

fn write_roles(out: &mut String, roles: &RoleEntries) {
    if *roles == RoleEntries::default() {
        return;
    }
    out.push_str("\n[roles]\n");
    line(out, "keeper", text(&roles.keeper));
    line(out, "owner", text(&roles.owner));
    line(out, "runtime", text(&roles.runtime));
    line(out, "slot_prefix", text(&roles.slot_prefix));
    line(out, "slots", roles.slots.to_string());
    if roles.quota != RoleEntries::default().quota {
        line(out, "quota", text(&roles.quota));
    }
    if !roles.keep.is_empty() {
        out.push_str("\n[roles.keep]\n");
        for (role, reason) in &roles.keep {
            line(out, &key(role), text(reason));
        }
    }
}

/// The section as it was read. It came from TOML, so it can be written as TOML.
fn write_section(out: &mut String, name: &str, section: &serde_json::Value) {
    let section = std::collections::BTreeMap::from([(name, section)]);
    if let Ok(text) = toml::to_string(&section) {
        out.push('\n');
        out.push_str(&text);
    }
}

fn write_tool(out: &mut String, tool: &ToolEntry) {
    if tool.is_empty() {
        return;
    }
    out.push_str("\n[tool]\n");
    let texts = [("database_url", &tool.database_url), ("format", &tool.format), ("credentials", &tool.credentials)];
    for (key, value) in texts {
        if let Some(value) = value {
            line(out, key, text(value));
        }
    }
    if tool.allow_old_server {
        line(out, "allow_old_server", "true".into());
    }
}

fn write_table(out: &mut String, name: &str, entry: &TableEntry, verdict: Option<&Verdict>) {
    let _ = write!(out, "\n[tables.{}]\n", text(name));
    if let Some(v) = verdict {
        for reason in v.reasons.iter().take(2) {
            comment(out, reason);
        }
        if let Some(question) = &v.question {
            comment(out, &format!("QUESTION: {question}"));
        } else if v.confidence < UNSURE {
            comment(out, "Not certain: please look at this one");
        }
    }
    line(out, "class", text(class(entry.class)));
    if let Some(column) = &entry.column {
        line(out, "column", text(column));
    }
    if let Some(column) = &entry.scope_column {
        line(out, "scope_column", text(column));
    }
    if !entry.path.is_empty() {
        line(out, "path", array(&entry.path));
    }
    if let Some(null) = entry.null_tenant {
        line(out, "null_tenant", text(null_tenant(null)));
    }
    if let Some(m) = entry.method {
        line(
            out,
            "method",
            text(match m {
                Method::Column => "column",
                Method::Policy => "policy",
            }),
        );
    }
    if let Some(a) = entry.access {
        line(out, "access", text(access(a)));
    }
    if !entry.global_uniques.is_empty() {
        let pairs: Vec<String> =
            entry.global_uniques.iter().map(|(k, v)| format!("{} = {}", key(k), text(v))).collect();
        line(out, "global_uniques", format!("{{ {} }}", pairs.join(", ")));
    }
    if let Some(reason) = &entry.reason {
        line(out, "reason", text(reason));
    }
}

fn write_lookup(out: &mut String, l: &LookupEntry) {
    out.push_str("\n[[lookups]]\n");
    line(out, "name", text(&l.name));
    line(out, "table", text(&l.table));
    line(out, "match", array(&l.r#match));
    line(out, "returns", array(&l.returns));
    line(out, "reason", text(&l.reason));
}

fn write_resource(out: &mut String, name: &str, entry: &ResourceEntry) {
    let _ = write!(out, "\n[resources.{}]\n", key(name));
    line(out, "table", text(&entry.table));
    if let Some(condition) = &entry.condition {
        line(out, "where", text(condition));
    }
    if entry.measure != super::MeasureWord::default() {
        line(out, "measure", text(entry.measure.word()));
    }
    if let Some(column) = &entry.column {
        line(out, "column", text(column));
    }
    if let Some(limit) = entry.limit {
        line(out, "limit", limit.to_string());
    }
    if entry.strict {
        line(out, "strict", "true".into());
    }
}

fn line(out: &mut String, key: &str, value: String) {
    let _ = writeln!(out, "{key} = {value}");
}

fn comment(out: &mut String, text: &str) {
    let _ = writeln!(out, "# {}", text.replace(['\n', '\r'], " "));
}

fn array(items: &[String]) -> String {
    format!("[{}]", items.iter().map(|i| text(i)).collect::<Vec<_>>().join(", "))
}

/// A TOML basic string.
fn text(value: &str) -> String {
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A TOML key: bare where it can be.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { name.to_owned() } else { text(name) }
}

fn class(class: Class) -> &'static str {
    match class {
        Class::Root => "root",
        Class::Direct => "direct",
        Class::Indirect => "indirect",
        Class::Membership => "membership",
        Class::Shared => "shared",
        Class::System => "system",
        Class::Unknown => "unknown",
    }
}

fn null_tenant(n: NullTenant) -> &'static str {
    match n {
        NullTenant::Shared => "shared",
        NullTenant::Personal => "personal",
        NullTenant::Never => "never",
        NullTenant::Orphan => "orphan",
    }
}

fn access(a: Access) -> &'static str {
    match a {
        Access::Write => "write",
        Access::Read => "read",
        Access::None => "none",
    }
}
