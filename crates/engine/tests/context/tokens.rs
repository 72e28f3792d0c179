//! Tokens that must not be accepted, and what the refusal says.

use tenantry_model::KeyKind;
use tenantry_model::token::{ContextKey, SessionClaims};

use crate::fixture::{Fixture, refusal, unix_now};

const INVALID: &str = "tenantry: invalid tenant context";

#[tokio::test]
async fn a_token_with_any_character_changed_is_refused() {
    let fixture = Fixture::of(15, KeyKind::Text, Some(KeyKind::Integer)).await;
    let mut session = fixture.session().await;
    let good = session.token(0);
    for at in 0..good.len() {
        let to = if &good[at..=at] == "7" { "8" } else { "7" };
        let changed = format!("{}{to}{}", &good[..at], &good[at + 1..]);
        // the number of a session or of a key that is not there is as invalid as a wrong signature
        assert_eq!(refusal(session.try_enter(&changed).await), INVALID, "{changed}");
        assert_eq!(refusal(session.sees().await), "tenantry: no tenant context in this transaction");
    }
    session.try_enter(&good).await.expect("the token itself is good");
}

#[tokio::test]
async fn made_up_tokens_are_refused() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    let good = session.token(0);
    let mac = "0".repeat(64);
    for token in [
        "",
        "t1",
        "t1.......",
        "\n",
        &good[..good.len() - 1],
        &format!("{good}0"),
        &format!(" {good}"),
        &format!("{good}\n"),
        &good.to_uppercase(),
        &format!("t1.1.9999999999.1.{}.{}..{mac}", session.session_no, fixture.tenants[0]),
        &format!("t1.99999.1.1.1.{}..{mac}", fixture.tenants[0]),
        &format!("t1.1.99999999999999999999.1.1.{}..{mac}", fixture.tenants[0]),
        &format!("s1{}", &good[2..]),
        "é💥",
        &"x".repeat(1_000_000),
    ] {
        assert_eq!(refusal(session.try_enter(token).await), INVALID, "{:.80}", token);
    }
    let null: Option<String> = None;
    assert_eq!(refusal(session.client.execute("SELECT tenantry.enter($1::text)", &[&null]).await), INVALID);
    for gap in 0..6 {
        let mut arguments = ["1", "2", "3", "9999999999", "5", "'\\x00'"];
        arguments[gap] = "NULL";
        let call = format!(
            "SELECT tenantry.enter({}, {}, {}, {}, {}, {})",
            arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]
        );
        let call = call
            .replace("enter(1,", "enter(1::smallint,")
            .replace("enter(NULL,", "enter(NULL::smallint,")
            .replace("'\\x00'", "'\\x00'::bytea");
        assert_eq!(refusal(session.sql(&call).await), INVALID, "{call}");
    }
}

#[tokio::test]
async fn typed_arguments_that_were_changed_are_refused() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    let claims = session.claims(0);
    let good = fixture.key.sign_typed(&claims).unwrap();
    for change in 0..6 {
        let mut t = good.clone();
        match change {
            0 => t.kid += 1,
            1 => t.hi ^= 1,
            2 => t.lo ^= 1,
            3 => t.expires_at += 1,
            4 => t.counter += 1,
            _ => t.mac[31] ^= 1,
        }
        let mac = &t.mac[..];
        let enter = "SELECT tenantry.enter($1, $2, $3, $4, $5, $6)";
        let result = session.client.execute(enter, &[&t.kid, &t.hi, &t.lo, &t.expires_at, &t.counter, &mac]).await;
        assert_eq!(refusal(result), INVALID, "change {change}");
    }
}

#[tokio::test]
async fn a_token_is_good_once_here_and_now_and_for_this_session_only() {
    let fixture = Fixture::new(15).await;
    let (mut a, mut b) = (fixture.session().await, fixture.session().await);
    let (first, second) = (a.token(0), a.token(1));

    assert_eq!(refusal(b.try_enter(&first).await), "tenantry: tenant context of another session");
    a.try_enter(&second).await.unwrap();
    for used in [&first, &second] {
        assert_eq!(refusal(a.try_enter(used).await), "tenantry: replayed tenant context");
    }

    let mut late = b.claims(0);
    late.expires_at = unix_now();
    let late = fixture.key.sign_session(&late).unwrap();
    assert_eq!(refusal(b.try_enter(&late).await), "tenantry: expired tenant context");

    let claims = b.claims(0);
    for other in [ContextKey::new(1, [9; 32]).unwrap(), ContextKey::new(2, [9; 32]).unwrap()] {
        assert_eq!(refusal(b.try_enter(&other.sign_session(&claims).unwrap()).await), INVALID);
    }
}

#[tokio::test]
async fn replay_does_not_survive_a_discard_or_a_new_binding() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    for discard in ["DISCARD ALL", "DISCARD SEQUENCES"] {
        let used = session.token(1);
        let unused = session.token(1);
        session.try_enter(&used).await.unwrap();
        session.sql(discard).await.unwrap();
        for token in [&used, &unused] {
            assert_eq!(refusal(session.try_enter(token).await), "tenantry: this session is not bound");
        }
        assert_eq!(refusal(session.sees().await), "tenantry: no tenant context in this transaction");
        // whoever holds the connection can bind again; the number is another one for ever
        session.bind().await;
        session.counter = 0;
        for token in [&used, &unused] {
            assert_eq!(refusal(session.try_enter(token).await), "tenantry: tenant context of another session");
        }
        session.begin(0).await;
        assert_eq!(session.sees().await.unwrap(), "0x1");
        session.sql("COMMIT").await.unwrap();
    }
}

#[tokio::test]
async fn a_retired_key_signs_no_more_and_its_successor_does() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    session.enter(0).await;
    let next = ContextKey::new(2, [7; 32]).unwrap();
    let pads = next.pads();
    let admin = fixture.db.connect().await;
    admin
        .execute(tenantry_blueprint::context::ADD_KEY, &[&next.kid(), &&pads.ipad[..], &&pads.opad[..]])
        .await
        .unwrap();
    session.enter(0).await;
    let now = std::time::SystemTime::now();
    admin.execute(tenantry_blueprint::context::RETIRE_KEY, &[&1i16, &now]).await.unwrap();
    let old = session.token(0);
    assert_eq!(refusal(session.try_enter(&old).await), INVALID);
    let stateless = session.stateless(0, 20).await;
    session.client.execute("SELECT set_config('tenantry.context', $1, false)", &[&stateless]).await.unwrap();
    assert_eq!(refusal(session.sees().await), "tenantry: invalid or expired stateless tenant context");
    let claims = session.claims(0);
    session.try_enter(&next.sign_session(&claims).unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_token_of_one_database_is_nothing_in_another() {
    let (one, other) = (Fixture::new(15).await, Fixture::new(15).await);
    let (mut here, mut there) = (one.session().await, other.session().await);
    let admin = other.db.connect().await;
    admin.execute("UPDATE tenantry.signing_key SET ipad = sha512('x'), opad = sha512('y')", &[]).await.unwrap();
    // same number of session, counter and key number: only the secret differs
    assert_eq!(here.session_no, there.session_no);
    let token = here.token(0);
    assert_eq!(refusal(there.try_enter(&token).await), INVALID);
    let _ = there.token(0);
    here.try_enter(&token).await.unwrap();
}

#[tokio::test]
async fn stateless_tokens_are_bound_to_the_process_and_to_half_a_minute() {
    let fixture = Fixture::new(15).await;
    let (a, b) = (fixture.session().await, fixture.session().await);
    let refused = "tenantry: invalid or expired stateless tenant context";
    let good = a.stateless(0, 20).await;
    let too_long = a.stateless(0, 40).await;
    let expired = a.stateless(0, 0).await;
    let mut tampered = good.clone();
    tampered.replace_range(good.len() - 1.., if good.ends_with('0') { "1" } else { "0" });
    let session_form = fixture
        .key
        .sign_session(&SessionClaims {
            tenant: fixture.tenants[0].clone(),
            scope: None,
            expires_at: unix_now() + 20,
            counter: 9,
            session_no: a.session_no,
        })
        .unwrap();
    let put = "SELECT set_config('tenantry.context', $1, false)";
    for (session, token) in [(&a, &too_long), (&a, &expired), (&a, &tampered), (&a, &session_form), (&b, &good)] {
        session.client.execute(put, &[token]).await.unwrap();
        assert_eq!(refusal(session.sees().await), refused, "{token}");
    }
    a.client.execute(put, &[&good]).await.unwrap();
    assert_eq!(a.sees().await.unwrap(), "0x1");
    for rubbish in ["x", "entered ", "ENTERED", "s1", "s1......", "s1.1.1.1.1..", &"s".repeat(100_000)] {
        a.client.execute(put, &[&rubbish]).await.unwrap();
        assert_eq!(refusal(a.sees().await), refused, "{:.80}", rubbish);
    }
}

/// A statement that began in time runs to its end; the next one of the same transaction is late.
#[tokio::test]
async fn an_open_transaction_does_not_keep_a_stateless_token_alive() {
    let fixture = Fixture::new(15).await;
    let session = fixture.session().await;
    session.sql("BEGIN READ ONLY").await.unwrap();
    let token = session.stateless(0, 2).await;
    session.client.execute("SELECT set_config('tenantry.context', $1, true)", &[&token]).await.unwrap();
    assert_eq!(session.sees().await.unwrap(), "0x1");
    // the server's own clock passes the two seconds inside one statement
    let slow = session.sql("SELECT count(*) FROM pg_sleep(3), notes").await.unwrap();
    assert_eq!(slow, ["1"]);
    assert_eq!(refusal(session.sees().await), "tenantry: invalid or expired stateless tenant context");
}
