//! What is wrong with a message: which one, which field, and how.

use std::fmt;

use tenantry_model::Class;

/// Who sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The application.
    Client,
    /// PostgreSQL.
    Server,
}

/// The name of a message, as the protocol's documentation writes it, and who sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// As in `Parse` or `RowDescription`.
    pub name: &'static str,
    /// Who sends it.
    pub from: Peer,
}

impl Message {
    pub(crate) const fn client(name: &'static str) -> Self {
        Self { name, from: Peer::Client }
    }

    pub(crate) const fn server(name: &'static str) -> Self {
        Self { name, from: Peer::Server }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Why bytes are no message, or a value does not become one. The text holds no byte of the message but numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The length field of a message lies outside its bounds.
    #[error("a message of type {tag:#04x} says it has {length} bytes; 4 to {most} are possible")]
    Length {
        /// The message's type.
        tag: u8,
        /// What its length field says, which counts itself.
        length: u32,
        /// The most it may say.
        most: usize,
    },
    /// The length field of a startup packet lies outside its bounds. Who speaks another protocol ends up here.
    #[error("a startup packet says it has {length} bytes; 8 to {most} are possible")]
    StartupLength {
        /// What the length field says, which counts itself.
        length: u32,
        /// The most it may say.
        most: usize,
    },
    /// A version of the protocol whose messages are unknown here.
    #[error("protocol {major}.{minor} is not supported: only 3.x is")]
    Version {
        /// Major number.
        major: u16,
        /// Minor number.
        minor: u16,
    },
    /// This side sends no message of this type.
    #[error("there is no message of type {tag:#04x} from a {}", match from { Peer::Client => "client", Peer::Server => "server" })]
    Tag {
        /// The type.
        tag: u8,
        /// Who sent it.
        from: Peer,
    },
    /// The message ends within a field.
    #[error("{message} ends within its {field}")]
    Truncated {
        /// Which message.
        message: Message,
        /// Which field.
        field: &'static str,
    },
    /// A string has no zero byte at its end.
    #[error("the {field} of {message} does not end in a zero byte")]
    NotTerminated {
        /// Which message.
        message: Message,
        /// Which field.
        field: &'static str,
    },
    /// A string has a zero byte inside.
    #[error("the {field} of {message} has a zero byte inside")]
    InnerNul {
        /// Which message.
        message: Message,
        /// Which field.
        field: &'static str,
    },
    /// A string that must be UTF-8 is not.
    #[error("the {field} of {message} is not UTF-8")]
    NotUtf8 {
        /// Which message.
        message: Message,
        /// Which field.
        field: &'static str,
    },
    /// A string that must say something is empty.
    #[error("the {field} of {message} is empty")]
    Empty {
        /// Which message.
        message: Message,
        /// Which field.
        field: &'static str,
    },
    /// Bytes follow the last field.
    #[error("{bytes} bytes follow the last field of {message}")]
    Trailing {
        /// Which message.
        message: Message,
        /// How many.
        bytes: usize,
    },
    /// A number means nothing.
    #[error("the {field} of {message} is {value}, which means nothing there")]
    Value {
        /// Which message.
        message: Message,
        /// Which field.
        field: &'static str,
        /// What stands there.
        value: i64,
    },
    /// More of something than the field or the bound of ours allows.
    #[error("{message} has more than {most} {field}")]
    TooMany {
        /// Which message.
        message: Message,
        /// Of what.
        field: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// A field or the message itself is longer than the protocol allows.
    #[error("the {field} of {message} has {bytes} bytes; {most} are possible")]
    TooLong {
        /// Which message.
        message: Message,
        /// Which field.
        field: &'static str,
        /// How many it has.
        bytes: usize,
        /// How many it may have.
        most: usize,
    },
}

impl WireError {
    /// The SQLSTATE that tells a client: `protocol_violation`, or `feature_not_supported` for another protocol.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Version { .. } => "0A000",
            _ => "08P01",
        }
    }

    /// The class of the failure. A server that talks nonsense is not there; another connection may be to one that is.
    ///
    /// A length is read before anybody knows which message it is; who read it from a server must say so himself.
    pub fn class(&self) -> Class {
        let from = match self {
            Self::Length { .. } | Self::StartupLength { .. } | Self::Version { .. } => Peer::Client,
            Self::Tag { from, .. } => *from,
            Self::Truncated { message, .. }
            | Self::NotTerminated { message, .. }
            | Self::InnerNul { message, .. }
            | Self::NotUtf8 { message, .. }
            | Self::Empty { message, .. }
            | Self::Trailing { message, .. }
            | Self::Value { message, .. }
            | Self::TooMany { message, .. }
            | Self::TooLong { message, .. } => message.from,
        };
        match from {
            Peer::Client => Class::Caller,
            Peer::Server => Class::Unavailable,
        }
    }
}
