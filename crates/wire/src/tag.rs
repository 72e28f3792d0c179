//! The types of messages. The same letter means one thing from a client and another from a server.

macro_rules! tags {
    ($($name:ident $value:literal $doc:literal)*) => {
        $(#[doc = $doc] pub const $name: u8 = $value;)*

        /// The name of the message of this type, as the protocol's documentation writes it.
        pub(crate) const fn message(tag: u8) -> Option<&'static str> {
            match tag {
                $($name => Some($doc),)*
                _ => None,
            }
        }
    };
}

/// What a client sends.
pub mod frontend {
    tags! {
        QUERY b'Q' "Query"
        PARSE b'P' "Parse"
        BIND b'B' "Bind"
        EXECUTE b'E' "Execute"
        DESCRIBE b'D' "Describe"
        CLOSE b'C' "Close"
        SYNC b'S' "Sync"
        FLUSH b'H' "Flush"
        TERMINATE b'X' "Terminate"
        COPY_DATA b'd' "CopyData"
        COPY_DONE b'c' "CopyDone"
        COPY_FAIL b'f' "CopyFail"
        FUNCTION_CALL b'F' "FunctionCall"
        PASSWORD b'p' "PasswordMessage"
    }
}

/// What a server sends.
pub mod backend {
    tags! {
        AUTHENTICATION b'R' "Authentication"
        PARAMETER_STATUS b'S' "ParameterStatus"
        BACKEND_KEY_DATA b'K' "BackendKeyData"
        READY_FOR_QUERY b'Z' "ReadyForQuery"
        COMMAND_COMPLETE b'C' "CommandComplete"
        ERROR_RESPONSE b'E' "ErrorResponse"
        NOTICE_RESPONSE b'N' "NoticeResponse"
        NOTIFICATION b'A' "NotificationResponse"
        PARSE_COMPLETE b'1' "ParseComplete"
        BIND_COMPLETE b'2' "BindComplete"
        CLOSE_COMPLETE b'3' "CloseComplete"
        NO_DATA b'n' "NoData"
        PORTAL_SUSPENDED b's' "PortalSuspended"
        EMPTY_QUERY b'I' "EmptyQueryResponse"
        ROW_DESCRIPTION b'T' "RowDescription"
        PARAMETER_DESCRIPTION b't' "ParameterDescription"
        DATA_ROW b'D' "DataRow"
        COPY_IN b'G' "CopyInResponse"
        COPY_OUT b'H' "CopyOutResponse"
        COPY_BOTH b'W' "CopyBothResponse"
        COPY_DATA b'd' "CopyData"
        COPY_DONE b'c' "CopyDone"
        FUNCTION_CALL_RESPONSE b'V' "FunctionCallResponse"
        NEGOTIATE_PROTOCOL_VERSION b'v' "NegotiateProtocolVersion"
    }
}
