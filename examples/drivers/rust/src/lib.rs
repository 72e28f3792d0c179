//! What both Rust programs share: the two tenants, how many of what, and checks that stop at the first difference.

use std::fmt::Debug;
use std::process::exit;
use std::str::FromStr;

use uuid::Uuid;

/// More often than any driver waits before it prepares a statement.
pub const TIMES: i32 = 12;
/// Rows of the check of many rows.
pub const MANY: i32 = 10_000;
/// What the numbers of all those rows come to.
pub const SUM: i64 = MANY as i64 * (MANY as i64 - 1) / 2;
/// Connections of each tenant at once.
pub const CROWD: u32 = 4;
/// Transactions on each of them.
pub const CROWD_TRANSACTIONS: i32 = 25;

/// One large value.
pub fn large() -> String {
    format!("ü{}€", "x".repeat(1_048_576))
}

/// A login, and the team whose rows it sees.
#[derive(Clone)]
pub struct Tenant {
    /// The login.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Whose rows it sees.
    pub team: Uuid,
}

/// A value from the environment; `../run` sets them.
pub fn needed<T: FromStr>(name: &str) -> T {
    let value = std::env::var(name).ok().and_then(|value| value.parse().ok());
    value.unwrap_or_else(|| panic!("{name} is not set, or not what it should be: start this with ../run"))
}

/// The two tenants.
pub fn tenants() -> [Tenant; 2] {
    ["A", "B"].map(|letter| Tenant {
        user: needed(&format!("{letter}_USER")),
        password: needed(&format!("{letter}_PASSWORD")),
        team: needed(&format!("{letter}_TEAM")),
    })
}

/// Counts what was as it should be.
pub struct Checks {
    driver: &'static str,
    count: u32,
}

impl Checks {
    /// None yet.
    pub fn new(driver: &'static str) -> Self {
        Self { driver, count: 0 }
    }

    /// Both are equal, or the program ends and says what differs.
    pub fn same<T: PartialEq + Debug>(&mut self, what: &str, found: T, wanted: T) {
        if found != wanted {
            self.fail(&format!("{what}: wanted {}, found {}", short(&wanted), short(&found)));
        }
        self.count += 1;
    }

    /// Ends the program.
    pub fn fail(&self, what: &str) -> ! {
        eprintln!("not ok {}: {what}", self.driver);
        exit(1)
    }

    /// All were.
    pub fn done(&self) {
        println!("ok {} {} checks", self.driver, self.count);
    }
}

fn short(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    if text.chars().count() <= 200 { text } else { format!("{}…", text.chars().take(200).collect::<String>()) }
}
