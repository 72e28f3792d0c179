//! The section `[control.alerts]`, and what it becomes.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use tenantry_audit::alerts::Threshold;
use tenantry_control::alerts::{AlertSettings, MailSettings, MailTls, Measured, usual};

use crate::errors::Failure;

/// `[control.alerts]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AlertSection {
    /// By name: other than the usual ones, or more.
    thresholds: std::collections::BTreeMap<String, ThresholdSection>,
    /// Percent of requests that the cache could not answer; 0 watches nothing.
    cache_miss_percent: Option<f64>,
    /// Milliseconds that one request in a hundred may take; 0 watches nothing.
    p99_ms: Option<u64>,
    /// In how many seconds.
    measured_within: Option<u64>,
    /// With fewer requests nothing is said.
    measured_requests_min: Option<u64>,
    /// Who gets e-mail.
    mail: Option<MailSection>,
}

/// `[control.alerts.thresholds.NAME]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ThresholdSection {
    /// What counts; as usual if left out.
    actions: Option<Vec<String>>,
    /// How many; 0 watches nothing.
    count: Option<usize>,
    /// In how many seconds.
    within: Option<u64>,
}

/// `[control.alerts.mail]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MailSection {
    host: String,
    port: Option<u16>,
    /// `starttls` (the usual way), `implicit` or `none`.
    tls: Option<String>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    from: String,
    to: Vec<String>,
}

fn bad(what: impl Into<String>) -> Failure {
    Failure::caller(what)
        .code("control-settings")
        .remedy("docs/reference/alerts.md says what [control.alerts] may hold")
}

/// The same as what the control plane starts with. Paths are relative to `base`.
pub(crate) fn build(section: &AlertSection, base: &std::path::Path) -> Result<AlertSettings, Failure> {
    let mut thresholds = usual();
    for (name, given) in &section.thresholds {
        match thresholds.iter_mut().find(|t| t.name == *name) {
            Some(known) => change(known, given),
            None => thresholds.push(new(name, given)?),
        }
    }
    if let Some(odd) = thresholds.iter().find(|t| t.within.is_zero() || t.within > Duration::from_secs(7 * 86_400)) {
        return Err(bad(format!("`within` of {} in [control.alerts.thresholds] is not 1 second to 7 days", odd.name)));
    }
    let usual = Measured::default();
    let percent = section.cache_miss_percent.or(usual.cache_miss_percent).filter(|p| *p > 0.0);
    let p99 = section.p99_ms.map(Duration::from_millis).or(usual.p99).filter(|p99| !p99.is_zero());
    let within = section.measured_within.map_or(usual.within, Duration::from_secs);
    if percent.is_some_and(|p| p > 100.0) || !(60..=86_400).contains(&within.as_secs()) {
        return Err(bad("[control.alerts]: give `cache_miss_percent` of 0 to 100, `measured_within` of 60 to 86400"));
    }
    let requests_min = section.measured_requests_min.unwrap_or(usual.requests_min);
    let measured = Measured { cache_miss_percent: percent, p99, within, requests_min };
    let mail = section.mail.as_ref().map(|mail| of_mail(mail, base)).transpose()?;
    Ok(AlertSettings { thresholds, measured, mail })
}

fn change(known: &mut Threshold, given: &ThresholdSection) {
    if let Some(actions) = &given.actions {
        known.actions.clone_from(actions);
    }
    known.count = given.count.unwrap_or(known.count);
    known.within = given.within.map_or(known.within, Duration::from_secs);
}

fn new(name: &str, given: &ThresholdSection) -> Result<Threshold, Failure> {
    let ThresholdSection { actions: Some(actions), count: Some(count), within: Some(within) } = given else {
        return Err(bad(format!(
            "[control.alerts.thresholds.{name}] is none of the usual: give actions, count and within"
        )));
    };
    Ok(Threshold {
        name: name.to_owned(),
        actions: actions.clone(),
        count: *count,
        within: Duration::from_secs(*within),
    })
}

fn of_mail(section: &MailSection, base: &std::path::Path) -> Result<MailSettings, Failure> {
    let (tls, usual_port) = match section.tls.as_deref() {
        None | Some("starttls") => (MailTls::StartTls, 587),
        Some("implicit") => (MailTls::Implicit, 465),
        Some("none") => (MailTls::None, 25),
        Some(_) => return Err(bad("`tls` in [control.alerts.mail] is starttls, implicit or none")),
    };
    let login = match (&section.user, &section.password_file) {
        (Some(_), Some(_)) if tls == MailTls::None => {
            return Err(bad("[control.alerts.mail] would send a password in the open: give `tls`"));
        }
        (Some(user), Some(file)) => {
            let file = base.join(file);
            let password = std::fs::read_to_string(&file)
                .map_err(|e| bad(format!("cannot read the mail password in {}", file.display())).because(e))?;
            Some((user.clone(), password.trim_end().to_owned().into()))
        }
        (None, None) => None,
        _ => return Err(bad("[control.alerts.mail] needs `user` and `password_file`, or neither")),
    };
    let settings = MailSettings {
        host: section.host.clone(),
        port: section.port.unwrap_or(usual_port),
        tls,
        login,
        from: section.from.clone(),
        to: section.to.clone(),
    };
    settings.check().map_err(|e| bad("an address in [control.alerts.mail] cannot be used").because(e))?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<AlertSettings, Failure> {
        build(&toml::from_str(text).unwrap(), std::path::Path::new("/nowhere"))
    }

    #[test]
    fn the_usual_ones_are_changed_by_name_and_others_are_added() {
        let built = read(
            "p99_ms = 0\n[thresholds.failed-logins]\ncount = 3\n[thresholds.exports]\nactions = [\"DATA_EXPORT\"]\ncount = 2\nwithin = 60\n",
        )
        .unwrap();
        let of = |name: &str| built.thresholds.iter().find(|t| t.name == name).unwrap();
        assert_eq!((of("failed-logins").count, of("failed-logins").within.as_secs(), of("exports").count), (3, 300, 2));
        assert_eq!((built.measured.p99, built.thresholds.len()), (None, usual().len() + 1));
        let mail =
            |more: &str| format!("[mail]\nhost = \"h\"\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\n{more}");
        assert!(read(&mail("")).unwrap().mail.unwrap().port == 587);
        for wrong in [
            "[thresholds.exports]\ncount = 2".to_owned(),
            "[thresholds.failed-logins]\nwithin = 0".to_owned(),
            "cache_miss_percent = 101".to_owned(),
            "measured_within = 1".to_owned(),
            mail("tls = \"maybe\""),
            mail("user = \"u\""),
            mail("user = \"u\"\npassword_file = \"missing\""),
            mail("tls = \"none\"\nuser = \"u\"\npassword_file = \"x\""),
            "[mail]\nhost = \"h\"\nfrom = \"nobody\"\nto = [\"b@example.com\"]".to_owned(),
            "[mail]\nhost = \"h\"\nfrom = \"a@example.com\"\nto = []".to_owned(),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
    }
}
