//! Alerts by e-mail: plain text, to operators. What was not taken is tried again with growing pauses.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Mailboxes};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::settings::{MailSettings, MailTls};
use super::{Alert, store};
use crate::db::{Db, Scope};
use crate::error::Error;

const ACTOR: &str = "task:alerts";
/// Alerts of one round.
const AT_ONCE_MAX: i64 = 20;
/// Tries of one alert: the last some seventeen hours after the first.
const ATTEMPTS_MAX: i32 = 10;
/// Longest time for one e-mail.
const WITHIN: Duration = Duration::from_secs(20);

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Sends what is to be sent; says how many were taken.
pub(crate) async fn send(db: &Db, settings: &MailSettings) -> Result<usize, Error> {
    let tx = db.write(Scope::Platform, ACTOR).await?;
    let alerts = store::to_mail(&tx, AT_ONCE_MAX, ATTEMPTS_MAX).await?;
    tx.commit().await?;
    if alerts.is_empty() {
        return Ok(0);
    }
    let transport = transport(settings)?;
    let mut sent = Vec::new();
    for alert in &alerts {
        match tokio::time::timeout(WITHIN, transport.send(letter(settings, alert)?)).await {
            Ok(Ok(_)) => sent.push(alert.id),
            Ok(Err(error)) => {
                let why = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                tracing::warn!("an alert was not taken by the mail server: {error}: {why}");
            }
            Err(_) => tracing::warn!("an alert was not mailed: no answer within {} s", WITHIN.as_secs()),
        }
    }
    let tx = db.write(Scope::Platform, ACTOR).await?;
    store::mailed(&tx, &sent).await?;
    tx.commit().await?;
    Ok(sent.len())
}

impl MailSettings {
    /// Whether somebody can be written to.
    pub fn check(&self) -> Result<(), Error> {
        if self.to.is_empty() || self.host.is_empty() {
            return Err(Error::start("write to nobody: name a host, and somebody in `to`"));
        }
        addresses(self).map(drop)
    }
}

fn addresses(settings: &MailSettings) -> Result<(Mailbox, Mailboxes), Error> {
    let bad = |e: lettre::address::AddressError| Error::start("write to these addresses").because(e);
    Ok((settings.from.parse().map_err(bad)?, settings.to.join(", ").parse().map_err(bad)?))
}

fn transport(settings: &MailSettings) -> Result<Transport, Error> {
    let bad = |e: lettre::transport::smtp::Error| Error::start("speak to the mail server").because(e);
    let tls = |parameters: fn(TlsParameters) -> Tls| TlsParameters::new(settings.host.clone()).map(parameters);
    let tls = match settings.tls {
        MailTls::None => Tls::None,
        MailTls::StartTls => tls(Tls::Required).map_err(bad)?,
        MailTls::Implicit => tls(Tls::Wrapper).map_err(bad)?,
    };
    let mut builder = Transport::builder_dangerous(&settings.host).port(settings.port).tls(tls).timeout(Some(WITHIN));
    // in the open no password is sent, whatever the settings say
    if let Some((user, password)) = settings.login.as_ref().filter(|_| settings.tls != MailTls::None) {
        builder = builder.credentials(Credentials::new(user.clone(), password.to_string()));
    }
    Ok(builder.build())
}

fn letter(settings: &MailSettings, alert: &Alert) -> Result<Message, Error> {
    let (from, to) = addresses(settings)?;
    let text = format!(
        "{}\n\nalert     {}\nseverity  {}\nraised    {}\ntenant    {}\ndata      {}\n\n\
         Acknowledge it with POST /api/alerts/{}/acknowledge.\n",
        alert.message,
        alert.name,
        alert.severity,
        alert.raised_at,
        alert.tenant_id.map_or_else(|| "the platform".to_owned(), |t| t.to_string()),
        alert.data,
        alert.id
    );
    Message::builder()
        .from(from)
        .header(lettre::message::header::To::from(to))
        .subject(format!("[tenantry] {} {}", alert.severity, alert.name))
        .message_id(Some(format!("<{}@tenantry>", alert.id)))
        .header(ContentType::TEXT_PLAIN)
        .body(text)
        .map_err(|e| Error::bug("write an e-mail").because(e))
}
