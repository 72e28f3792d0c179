//! As whom the server's programs run. PostgreSQL refuses root, and so do we.

use std::fs;
use std::os::unix::fs::lchown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::error::Error;

/// The user the server's programs run as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// Whoever runs this program.
    Ourselves,
    /// Another user, because this program runs as root.
    Other {
        /// User id.
        uid: u32,
        /// Group id.
        gid: u32,
    },
}

impl Account {
    /// Ourselves; or, as root, `postgres`, or else `nobody`.
    pub fn choose() -> Result<Self, Error> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ourselves);
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        Self::find(&passwd, "postgres").or_else(|| Self::find(&passwd, "nobody")).ok_or(Error::NoAccount)
    }

    fn find(passwd: &str, name: &str) -> Option<Self> {
        let mut fields = passwd.lines().find(|l| l.split(':').next() == Some(name))?.split(':').skip(2);
        let uid = fields.next()?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        (uid != 0).then_some(Self::Other { uid, gid })
    }

    /// Makes a command run as this user, without root's groups and without a stray `PG…` environment.
    pub(crate) fn apply(self, command: &mut Command) {
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        // the folder we stand in may be closed to that user
        command.current_dir("/").env_remove("LC_ALL").env_remove("LANG").env_remove("NOTIFY_SOCKET");
    }

    /// Gives a file or a folder itself to this user. A link is given, never what it points to.
    pub fn give(self, path: &Path) -> Result<(), Error> {
        let Self::Other { uid, gid } = self else { return Ok(()) };
        lchown(path, Some(uid), Some(gid)).map_err(|source| Error::Folder { path: path.to_owned(), source })
    }

    /// Gives a folder with everything in it to this user. Only for folders that nobody else writes to meanwhile.
    pub fn give_all(self, path: &Path) -> Result<(), Error> {
        self.give(path)?;
        if self != Self::Ourselves && path.is_dir() && !path.is_symlink() {
            let denied = |source| Error::Folder { path: path.to_owned(), source };
            for entry in fs::read_dir(path).map_err(denied)? {
                self.give_all(&entry.map_err(denied)?.path())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_whole_name_and_never_root() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgres2:x:7:7::/:/bin/sh\nnobody:x:65534:65533::/:/bin/false\n";
        assert_eq!(Account::find(passwd, "postgres"), None);
        assert_eq!(Account::find(passwd, "root"), None);
        assert_eq!(Account::find(passwd, "nobody"), Some(Account::Other { uid: 65534, gid: 65533 }));
    }
}
