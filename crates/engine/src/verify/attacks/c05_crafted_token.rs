//! C-05: a context made of a crafted text.

use super::tools::*;

pub(super) const ATTACK: Attack = Attack {
    id: "C-05",
    title: "A crafted text is taken for a context",
    severity: Critical,
    meaning: "What names the tenant must not be a text that a name or an id can break out of.",
    method: "Enters with texts made of quotes, dots, line ends, other tenants' keys, signed tokens with parts swapped, repeated or cut, and with every byte of a good token changed once; and holds with the same texts. Each must raise 42501 and leave no tenant; the good token (control) works.",
    remedy: "Put the context functions back: `tenantry apply`.",
    run: |stage| Box::pin(run(stage)),
};

async fn run(stage: &Stage) -> Verdict {
    let session = stage.fresh(0).await?;
    let mut tally = Tally::default();
    session.begin(None).await?;
    let control = session.attempt(&session.enter_sql(&stage.a), Wire::Simple).await?;
    session.end().await?;
    if !matches!(control, Answer::Done { .. }) {
        session.close().await;
        return Ok(Outcome::Skipped(format!("a good token is refused: {}", control.code())));
    }
    let good = session.token(&stage.a);
    let swapped = good.replacen(&hex_or_plain(&stage.a), &hex_or_plain(&stage.b), 1);
    let mut texts = vec![
        "x'; SELECT 1; --".to_owned(), String::new(), ".".repeat(7), stage.b.to_string(), "entered".to_owned(),
        good.to_uppercase(), format!("{good}\n"), format!(" {good}"), good.replace('.', ","), format!("{good}.{good}"),
        good.replacen("t1.", "s1.", 1), good.replacen("t1.", "t2.", 1), good.replacen("t1.", "h1.", 1), swapped, good[..good.len() - 1].to_owned(), format!("{good}0"),
    ];
    // Every byte changed once.
    for n in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[n] = if bytes[n] == b'0' { b'1' } else { b'0' };
        texts.extend(String::from_utf8(bytes).ok());
    }
    texts.retain(|t| *t != good);
    tally.tried();
    for text in &texts {
        tally.attempt();
        session.begin(None).await?;
        let answer = session.attempt(&format!("SELECT tenantry.enter({}::pg_catalog.text)", literal(text)), Wire::Simple).await?;
        if matches!(answer, Answer::Done { .. }) {
            tally.broke("tenantry.enter", "a crafted token was accepted");
        } else if !answer.is_denied() {
            tally.note(format!("one was refused with {}", answer.code()));
        }
        session.end().await?;
    }
    // The form for the session takes none of them either, nor the good token of the other form.
    texts.extend([good.clone(), session.held_token(&stage.a).replacen(&hex_or_plain(&stage.a), &hex_or_plain(&stage.b), 1)]);
    for text in &texts {
        tally.attempt();
        session.begin(None).await?;
        let hold = format!("SELECT tenantry.hold({}::pg_catalog.text)", literal(text));
        if matches!(session.attempt(&hold, Wire::Simple).await?, Answer::Done { .. }) {
            tally.broke("tenantry.hold", "a crafted token was accepted");
        }
        session.end().await?;
    }
    session.close().await;
    Ok(tally.finish("function", "every crafted token was refused"))
}

/// A key as it stands in a token.
fn hex_or_plain(tenant: &tenantry_model::TenantKey) -> String {
    match tenant {
        tenantry_model::TenantKey::Text(t) => t.bytes().map(|b| format!("{b:02x}")).collect(),
        other => other.to_string(),
    }
}
