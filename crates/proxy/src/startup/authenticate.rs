//! What proves who a client is: a certificate, a password by SCRAM-SHA-256, or a signed token over TLS.
//!
//! A role without a tenant has a password of its own, or a name that a client certificate must hold. A role with a tenant is proven by any valid credential of that
//! tenant. Unknown roles, databases and tenants go through the same exchange as known ones and fail at its end.

use tenantry_edge::admission::{Pass, PassKeys};
use tenantry_edge::directory::TenantFacts;
use tenantry_wire::backend;
use tenantry_wire::frontend;
use tenantry_wire::scram::{self, Decoy, Exchange, NONCE_BYTES, Verifier};
use tokio::io::AsyncWriteExt;

use super::{Door, Stop};
use crate::ablation::{Protection, removed};
use crate::context;
use crate::refusal::Refusal;
use crate::settings::LoginSettings;

/// What is known of the one who says to be somebody.
pub(super) struct Proof<'a> {
    pub(super) login: Option<&'a LoginSettings>,
    /// The tenant's name as given, and what is published of it.
    pub(super) tenant: Option<(&'a str, Option<&'a TenantFacts>)>,
    pub(super) pass_keys: Option<&'a PassKeys>,
    /// Names in the client's certificate, which an authority of ours has signed.
    pub(super) names: Vec<String>,
    /// The client asked to send a token instead of a password.
    pub(super) by_token: bool,
}

/// How it was proven.
pub(super) enum Proven {
    /// By a certificate.
    Certificate,
    /// By a password.
    Password,
    /// By a signed token.
    Pass(Box<Pass>),
}

impl Door {
    pub(super) async fn authenticate(&mut self, user: &str, proof: Proof<'_>) -> Result<Proven, Stop> {
        let proven = if is_certified(&proof) {
            Proven::Certificate
        } else if proof.by_token {
            self.by_token(&proof).await?
        } else {
            self.by_scram(user, &proof).await?;
            Proven::Password
        };
        let mut out = Vec::new();
        backend::write_authentication_ok(&mut out);
        self.reader.stream.write_all(&out).await?;
        Ok(proven)
    }

    async fn by_scram(&mut self, user: &str, proof: &Proof<'_>) -> Result<(), Stop> {
        let candidates = candidates(proof);
        if candidates.is_empty() && removed(Protection::Decoy) {
            return Err(Refusal::fatal("28P01", "tenantry: there is no such user").into());
        }
        let decoy = Decoy::new(self.worker.settings().mock_secret, scram::ITERATIONS_MIN);
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce)
            .map_err(|_| Refusal::fatal("58000", "tenantry: the system gives no random numbers"))?;
        let mut exchange =
            Exchange::new(user, &candidates, &decoy, self.end_point.as_deref(), nonce).map_err(|e| failed(&e))?;
        let mut out = Vec::new();
        backend::write_sasl(&mut out, exchange.mechanisms()).map_err(Refusal::violation)?;
        self.reader.stream.write_all(&out).await?;
        self.reader.stream.flush().await?;

        let body = self.reader.password().await?;
        let initial = frontend::sasl_initial(&body).map_err(Refusal::violation)?;
        let challenge = exchange.first(initial).map_err(|e| failed(&e))?;
        out.clear();
        backend::write_sasl_continue(&mut out, &challenge).map_err(Refusal::violation)?;
        self.reader.stream.write_all(&out).await?;
        self.reader.stream.flush().await?;

        let body = self.reader.password().await?;
        let accepted = exchange.last(&body).map_err(|e| failed(&e))?;
        out.clear();
        backend::write_sasl_final(&mut out, &accepted.reply).map_err(Refusal::violation)?;
        self.reader.stream.write_all(&out).await?;
        Ok(())
    }

    /// A token travels as a password in the clear, so only inside TLS or inside this machine.
    async fn by_token(&mut self, proof: &Proof<'_>) -> Result<Proven, Stop> {
        let is_local = self.address.is_none_or(|address| address.is_loopback());
        if !self.reader.stream.is_tls() && !is_local {
            return Err(Refusal::fatal("28000", "tenantry: a token is taken over TLS only")
                .hint("Connect with sslmode=require or better.")
                .into());
        }
        let mut out = Vec::new();
        backend::write_cleartext(&mut out);
        self.reader.stream.write_all(&out).await?;
        self.reader.stream.flush().await?;
        let body = self.reader.password().await?;
        let token = frontend::password(&body).map_err(Refusal::violation)?;
        let wrong = || Refusal::fatal("28P01", "tenantry: the token is invalid or expired");
        let token = std::str::from_utf8(token).map_err(|_| wrong())?;
        let keys = proof.pass_keys.filter(|_| proof.login.is_some()).ok_or_else(wrong)?;
        let pass = keys.check(token, context::now()).map_err(|_| wrong())?;
        Ok(Proven::Pass(Box::new(pass)))
    }
}

/// Whether the client's certificate proves its role. A tenant is proven by a credential of its own, never by a role.
fn is_certified(proof: &Proof<'_>) -> bool {
    let wanted = proof.login.and_then(|login| login.certificate.as_deref());
    proof.tenant.is_none() && wanted.is_some_and(|wanted| proof.names.iter().any(|name| name == wanted))
}

/// The verifiers any of which will do.
fn candidates(proof: &Proof<'_>) -> Vec<Verifier> {
    let Some(login) = proof.login else { return Vec::new() };
    match proof.tenant {
        None => login.verifier.iter().cloned().collect(),
        Some((_, None)) => Vec::new(),
        Some((_, Some(facts))) => {
            let now = context::now();
            let valid = facts.credentials.iter().filter(|c| c.is_valid_at(now));
            let mut verifiers: Vec<Verifier> = valid.filter_map(|c| Verifier::parse(&c.verifier).ok()).collect();
            // the client is told one salt: those of another cannot be proven now
            if let Some((salt, iterations)) = verifiers.first().map(|v| (v.salt().to_vec(), v.iterations())) {
                verifiers.retain(|v| v.salt() == salt && v.iterations() == iterations);
            }
            verifiers.truncate(scram::CANDIDATES_MAX);
            verifiers
        }
    }
}

fn failed(error: &scram::ScramError) -> Refusal {
    Refusal::fatal(error.code(), format!("tenantry: {error}"))
}
