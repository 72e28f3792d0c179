//! A number, or `"none"`: a tenant's own "no limit" must be sayable, and TOML has no null.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// The word for no limit.
const NONE: &str = "none";

/// A limit as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bound {
    /// At most this.
    At(u32),
    /// No limit, whatever the plan says.
    None,
}

impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::At(number) => serializer.serialize_u32(*number),
            Self::None => serializer.serialize_str(NONE),
        }
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BoundVisitor)
    }
}

struct BoundVisitor;

impl Visitor<'_> for BoundVisitor {
    type Value = Bound;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number from 0 to {}, or \"{NONE}\" for no limit", u32::MAX)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Bound, E> {
        let too_high = |_| E::invalid_value(serde::de::Unexpected::Unsigned(number), &self);
        u32::try_from(number).map(Bound::At).map_err(too_high)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Bound, E> {
        let out = |_| E::invalid_value(serde::de::Unexpected::Signed(number), &self);
        u32::try_from(number).map(Bound::At).map_err(out)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Bound, E> {
        if text == NONE { Ok(Bound::None) } else { Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)) }
    }
}

impl JsonSchema for Bound {
    fn schema_name() -> Cow<'static, str> {
        "Bound".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number, or \"none\" for no limit.",
            "anyOf": [{ "type": "integer", "minimum": 0, "maximum": u32::MAX }, { "const": NONE }]
        })
    }
}
