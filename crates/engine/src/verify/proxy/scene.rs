//! Two tenants, and how one finds out who it is.

use tenantry_model::KeyKind;

use super::client::{Answer, Client};
use super::{Login, Request};
use crate::verify::outcome::Stop;

/// Everything an attack works with.
pub(crate) struct Scene {
    pub(super) request: Request,
    pub(super) server_version: String,
    /// Asks the database whose context it is: tenant and server process.
    pub(super) who: String,
    a: String,
    b: String,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    A,
    B,
}

impl Scene {
    /// Logs in as both and finds out who they are. Nothing is attacked if they are not two.
    pub(super) async fn new(request: &Request) -> Result<Self, Stop> {
        let mut client = open(request, &request.a).await?;
        let version = client.query("SHOW server_version").await?;
        let mut who = None;
        for kind in [KeyKind::Uuid, KeyKind::Integer, KeyKind::Bigint, KeyKind::Text] {
            let sql = format!("SELECT tenantry.{}()::text, pg_catalog.pg_backend_pid()", kind.context_function());
            if client.query(&sql).await?.value().is_some() {
                who = Some(sql);
                break;
            }
        }
        let who =
            who.ok_or_else(|| Stop("the database behind it has no tenant for the login: is it isolated?".into()))?;
        let mut scene = Self {
            request: request.clone(),
            server_version: version.value().unwrap_or_default().to_owned(),
            who,
            a: String::new(),
            b: String::new(),
        };
        scene.a = tenant(&client.query(&scene.who).await?)?;
        scene.b = tenant(&open(request, &request.b).await?.query(&scene.who).await?)?;
        if scene.a == scene.b {
            return Err(Stop("both logins are of the same tenant".into()));
        }
        Ok(scene)
    }

    pub(super) fn login(&self, side: Side) -> &Login {
        match side {
            Side::A => &self.request.a,
            Side::B => &self.request.b,
        }
    }

    /// Connects as one of the two.
    pub(super) async fn connect(&self, side: Side) -> Result<Client, Stop> {
        open(&self.request, self.login(side)).await
    }

    /// Whether an answer to [`Self::who`] says that it is this one; gives the server process.
    pub(super) fn is(&self, side: Side, answer: &Answer) -> Result<String, String> {
        let tenant = if side == Side::A { &self.a } else { &self.b };
        match answer.rows.as_slice() {
            [row] if answer.errors.is_empty() && row.len() == 2 && row[0] == *tenant => Ok(row[1].clone()),
            _ if !answer.errors.is_empty() => Err(format!("it was refused with {}", answer.errors.join(", "))),
            [row] if row.len() == 2 => Err("it was another tenant".into()),
            _ => Err("it was answered something else".into()),
        }
    }

    /// A new client of this side is itself; gives the server process. The inner error says what it was instead.
    pub(super) async fn next_is(&self, side: Side) -> Result<Result<String, String>, Stop> {
        let answer = self.connect(side).await?.query(&self.who).await?;
        Ok(self.is(side, &answer))
    }
}

async fn open(request: &Request, login: &Login) -> Result<Client, Stop> {
    match Client::log_in(request, login, &[]).await? {
        Ok(client) => Ok(client),
        Err(code) => Err(Stop(format!("the proxy refuses login `{}` ({code})", login.user))),
    }
}

fn tenant(answer: &Answer) -> Result<String, Stop> {
    let row = answer.rows.first().filter(|row| row.len() == 2 && !row[0].is_empty());
    row.map(|row| row[0].clone()).ok_or_else(|| Stop("a login has no tenant".into()))
}
