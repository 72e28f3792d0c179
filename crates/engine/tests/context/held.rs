//! A context held for the session: how long it lives, which tokens make one, and that nothing brings one back.

use tenantry_model::token::ContextKey;
use tenantry_model::{KeyKind, TenantKey};

use crate::fixture::{Fixture, Session, refusal, unix_now};

const ABSENT: &str = "tenantry: no tenant context in this transaction";
const INVALID: &str = "tenantry: invalid tenant context";

#[tokio::test]
async fn it_stays_until_another_tenant_is_held() {
    for major in tenantry_testkit::available() {
        let fixture = Fixture::new(major).await;
        let mut session = fixture.session().await;
        let prepared = session.client.prepare("SELECT body FROM notes").await.unwrap();
        for tenant in [1, 0, 2, 1] {
            let own = format!("{tenant}x{}", tenant + 1);
            session.hold(tenant).await;
            assert_eq!(session.sees().await.unwrap(), own, "{major}");
            for (begin, end) in
                [("BEGIN", "COMMIT"), ("BEGIN", "ROLLBACK"), ("BEGIN READ ONLY", "COMMIT AND CHAIN; COMMIT")]
            {
                session.sql(begin).await.unwrap();
                assert_eq!(session.sees().await.unwrap(), own);
                session.sql(end).await.unwrap();
                assert_eq!(session.sees().await.unwrap(), own, "after {begin}; {end}");
            }
            session.sql("SELECT 1/0").await.unwrap_err();
            session.sql("BEGIN; INSERT INTO notes (body) VALUES ('new'); ROLLBACK").await.unwrap();
            assert_eq!(session.sees().await.unwrap(), own);
            // the plan of the former tenant gives rows of this one
            assert_eq!(session.client.query(&prepared, &[]).await.unwrap().len(), tenant + 1);
        }
    }
}

#[tokio::test]
async fn what_ends_it() {
    for major in tenantry_testkit::available() {
        let fixture = Fixture::new(major).await;
        let mut session = fixture.session().await;
        for end in [
            "SELECT tenantry.release()",
            "BEGIN; SELECT tenantry.release(); COMMIT",
            "BEGIN; SELECT tenantry.release(); ROLLBACK",
            "SELECT tenantry.leave()",
            "SELECT tenantry.bind_session()",
            "RESET ALL",
            "RESET tenantry.context",
            "SET tenantry.context = ''",
            "SET tenantry.context = 'held'",
            "DISCARD ALL",
        ] {
            session.hold(1).await;
            let mark = session.sql("SHOW tenantry.context").await.unwrap();
            session.sql(end).await.unwrap();
            assert_eq!(refusal(session.sees().await), ABSENT, "{end}");
            if !end.contains("tenantry.context") && end != "RESET ALL" {
                // even with the right mark, put back by hand
                session.sql(&format!("SET tenantry.context = '{}'", mark[0])).await.unwrap();
                let refused = session.sees().await.unwrap_err();
                assert!(["42501", "55000"].contains(&refused.code().unwrap().code()), "{end}: {refused:?}");
            }
            session.sql("ROLLBACK; RESET ALL").await.unwrap();
            session.bind().await;
            session.counter = 0;
        }
        session.hold(1).await;
        session.sql("DISCARD SEQUENCES").await.unwrap();
        assert_eq!(session.sees().await.unwrap_err().code().unwrap().code(), "55000");
    }
}

/// The memory is not undone by a rollback, the mark is. Nothing is left, least of all the former tenant.
#[tokio::test]
async fn rolled_back_it_leaves_no_tenant() {
    for major in tenantry_testkit::available() {
        let fixture = Fixture::new(major).await;
        let mut session = fixture.session().await;
        for former in [None, Some(0), Some(1)] {
            for way in ["rollback", "savepoint", "caught", "failed behind it", "message"] {
                session.sql("SELECT tenantry.release()").await.unwrap();
                if let Some(former) = former {
                    session.hold(former).await;
                }
                let hold = format!("SELECT tenantry.hold('{}')", session.held_token(2));
                match way {
                    "rollback" => drop(session.sql(&format!("BEGIN; {hold}; ROLLBACK")).await.unwrap()),
                    "savepoint" => {
                        session.sql(&format!("BEGIN; SAVEPOINT s; {hold}; ROLLBACK TO s")).await.unwrap();
                        session.sql("SAVEPOINT t").await.unwrap();
                        assert_eq!(refusal(session.sees().await), ABSENT, "{former:?} {way}");
                        session.sql("ROLLBACK TO t; COMMIT").await.unwrap();
                    }
                    "caught" => {
                        let hold = hold.replacen("SELECT", "PERFORM", 1);
                        let block = format!(
                            "DO $$ BEGIN {hold}; PERFORM 1/0; EXCEPTION WHEN division_by_zero THEN NULL; END $$"
                        );
                        session.sql(&block).await.unwrap();
                    }
                    "failed behind it" => {
                        session.sql(&format!("BEGIN; {hold}")).await.unwrap();
                        assert_eq!(session.sees().await.unwrap(), "2x3");
                        session.sql("SELECT 1/0").await.unwrap_err();
                        session.sql("COMMIT").await.unwrap();
                    }
                    _ => drop(session.sql(&format!("{hold}; SELECT 1/0")).await.unwrap_err()),
                }
                assert_eq!(refusal(session.sees().await), ABSENT, "{former:?} {way}");
                for mark in ["held", "held-", "held-1", "held0", "entered"] {
                    session.sql(&format!("SET tenantry.context = '{mark}'")).await.unwrap();
                    assert_eq!(refusal(session.sees().await), ABSENT, "{former:?} {way} {mark}");
                    session.sql("RESET tenantry.context").await.unwrap();
                }
                session.hold(2).await;
                assert_eq!(session.sees().await.unwrap(), "2x3");
            }
        }
    }
}

/// A refused token ends the former tenant too: whatever the pooler does next, it does not do it as somebody else.
#[tokio::test]
async fn refused_it_leaves_no_tenant() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    for caught in [false, true] {
        session.hold(0).await;
        if caught {
            let block = "DO $$ BEGIN PERFORM tenantry.hold('h1.forged'); EXCEPTION WHEN OTHERS THEN NULL; END $$";
            session.sql(block).await.unwrap();
        } else {
            assert_eq!(refusal(session.try_hold("h1.forged").await), INVALID);
        }
        assert_eq!(refusal(session.sees().await), ABSENT);
    }
}

#[tokio::test]
async fn only_a_good_held_token_makes_one() {
    let fixture = Fixture::of(15, KeyKind::Text, Some(KeyKind::Integer)).await;
    let mut session = fixture.session().await;
    let good = session.held_token(0);
    for at in 0..good.len() {
        let to = if &good[at..=at] == "7" { "8" } else { "7" };
        let changed = format!("{}{to}{}", &good[..at], &good[at + 1..]);
        assert_eq!(refusal(session.try_hold(&changed).await), INVALID, "{changed}");
        assert_eq!(refusal(session.sees().await), ABSENT);
    }
    session.try_hold(&good).await.expect("the token itself is good");
    let long = "x".repeat(1_000_000);
    let (more, less) = (format!("{good}0"), &good[..good.len() - 1]);
    for token in ["", "h1", "h1.......", "\n", "é💥", &more, less, &good.to_uppercase(), &long] {
        assert_eq!(refusal(session.try_hold(token).await), INVALID, "{token:.80}");
    }
    let null: Option<String> = None;
    assert_eq!(refusal(session.client.execute("SELECT tenantry.hold($1::text)", &[&null]).await), INVALID);
}

#[tokio::test]
async fn typed_arguments_that_were_changed_make_none() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    let claims = session.claims(0);
    let good = fixture.key.sign_hold_typed(&claims).unwrap();
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
        assert_eq!(refusal(session.try_typed("hold", &t).await), INVALID, "change {change}");
        assert_eq!(refusal(session.sees().await), ABSENT);
    }
    for gap in 0..6 {
        let mut arguments = ["1::smallint", "2", "3", "9999999999", "5", "'\\x00'::bytea"];
        arguments[gap] = ["NULL::smallint", "NULL", "NULL", "NULL", "NULL", "NULL::bytea"][gap];
        let call = format!("SELECT tenantry.hold({})", arguments.join(", "));
        assert_eq!(refusal(session.sql(&call).await), INVALID, "{call}");
    }
    session.try_typed("hold", &good).await.expect("the token itself is good");
}

/// Each form has its own messages: a token of one is nothing to the function of another.
#[tokio::test]
async fn a_token_of_one_form_is_none_of_another() {
    for major in tenantry_testkit::available() {
        let fixture = Fixture::new(major).await;
        let mut session = fixture.session().await;
        let (for_enter, for_hold) = (session.token(1), session.held_token(1));
        assert_eq!(refusal(session.try_hold(&for_enter).await), INVALID);
        assert_eq!(refusal(session.try_enter(&for_hold).await), INVALID);
        assert_eq!(refusal(session.try_hold(&for_enter.replacen("t1", "h1", 1)).await), INVALID);
        assert_eq!(refusal(session.try_enter(&for_hold.replacen("h1", "t1", 1)).await), INVALID);
        let claims = session.claims(1);
        let (for_enter, for_hold) =
            (fixture.key.sign_typed(&claims).unwrap(), fixture.key.sign_hold_typed(&claims).unwrap());
        assert_eq!(refusal(session.try_typed("hold", &for_enter).await), INVALID);
        assert_eq!(refusal(session.try_typed("enter", &for_hold).await), INVALID);
        let stateless = session.stateless(1, 20).await;
        assert_eq!(refusal(session.try_hold(&stateless).await), INVALID);
        for token in [session.held_token(1), session.token(1)] {
            session.client.execute("SELECT set_config('tenantry.context', $1, false)", &[&token]).await.unwrap();
            assert!(refusal(session.sees().await).starts_with("tenantry: "));
        }
    }
}

#[tokio::test]
async fn a_held_token_is_good_once_here_and_now_and_for_this_session_only() {
    let fixture = Fixture::new(15).await;
    let (mut a, mut b) = (fixture.session().await, fixture.session().await);
    let (first, second) = (a.held_token(0), a.held_token(1));
    assert_eq!(refusal(b.try_hold(&first).await), "tenantry: tenant context of another session");
    let claims = a.claims(1);
    let typed = fixture.key.sign_hold_typed(&claims).unwrap();
    assert_eq!(refusal(b.try_typed("hold", &typed).await), INVALID);
    a.try_hold(&second).await.unwrap();
    for used in [&first, &second] {
        assert_eq!(refusal(a.try_hold(used).await), "tenantry: replayed tenant context");
        assert_eq!(refusal(a.sees().await), ABSENT);
    }
    a.try_typed("hold", &typed).await.unwrap();
    assert_eq!(refusal(a.try_typed("hold", &typed).await), "tenantry: replayed tenant context");
    // one counter for all forms, which cleaning does not wind back
    a.sql("SELECT tenantry.release()").await.unwrap();
    assert_eq!(refusal(a.try_hold(&second).await), "tenantry: replayed tenant context");
    let early = a.token(0);
    a.hold(1).await;
    assert_eq!(refusal(a.try_enter(&early).await), "tenantry: replayed tenant context");

    let mut late = b.claims(0);
    late.expires_at = unix_now();
    assert_eq!(refusal(b.try_hold(&fixture.key.sign_hold(&late).unwrap()).await), "tenantry: expired tenant context");
    let late = fixture.key.sign_hold_typed(&late).unwrap();
    assert_eq!(refusal(b.try_typed("hold", &late).await), "tenantry: expired tenant context");

    let claims = b.claims(0);
    for other in [ContextKey::new(1, [9; 32]).unwrap(), ContextKey::new(2, [9; 32]).unwrap()] {
        assert_eq!(refusal(b.try_hold(&other.sign_hold(&claims).unwrap()).await), INVALID);
        assert_eq!(refusal(b.try_typed("hold", &other.sign_hold_typed(&claims).unwrap()).await), INVALID);
    }
    let admin = fixture.db.connect().await;
    b.hold(0).await;
    admin.execute(tenantry_blueprint::context::RETIRE_KEY, &[&1i16, &std::time::SystemTime::now()]).await.unwrap();
    let retired = b.held_token(1);
    assert_eq!(refusal(b.try_hold(&retired).await), INVALID);
}

#[tokio::test]
async fn replay_does_not_survive_a_discard_or_a_new_binding() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    for discard in ["DISCARD ALL", "DISCARD SEQUENCES"] {
        let (used, unused) = (session.held_token(1), session.held_token(1));
        session.try_hold(&used).await.unwrap();
        session.sql(discard).await.unwrap();
        for token in [&used, &unused] {
            assert_eq!(refusal(session.try_hold(token).await), "tenantry: this session is not bound");
        }
        // whoever holds the connection can bind again; the number is another one for ever
        session.bind().await;
        session.counter = 0;
        for token in [&used, &unused] {
            assert_eq!(refusal(session.try_hold(token).await), "tenantry: tenant context of another session");
        }
        session.hold(0).await;
        assert_eq!(session.sees().await.unwrap(), "0x1");
    }
}

#[tokio::test]
async fn a_session_that_was_never_bound_is_told_so_and_can_be_released() {
    let fixture = Fixture::new(15).await;
    let client = tenantry_pg::connect_with(&fixture.runtime, &tenantry_pg::Session::plain()).await.unwrap();
    let mut session = Session { fixture: &fixture, client, session_no: 1, counter: 0 };
    let token = session.held_token(0);
    assert_eq!(refusal(session.try_hold(&token).await), "tenantry: this session is not bound");
    let claims = session.claims(0);
    let typed = fixture.key.sign_hold_typed(&claims).unwrap();
    assert_eq!(refusal(session.try_typed("hold", &typed).await), "tenantry: this session is not bound");
    session.sql("SET work_mem = '5MB'; SELECT tenantry.release()").await.unwrap();
    assert_ne!(session.sql("SHOW work_mem").await.unwrap(), ["5MB"]);
}

#[tokio::test]
async fn in_read_only_holding_and_releasing_are_refused() {
    for major in tenantry_testkit::available() {
        let fixture = Fixture::new(major).await;
        let mut session = fixture.session().await;
        session.hold(1).await;
        session.sql("BEGIN READ ONLY; SAVEPOINT s").await.unwrap();
        let token = session.held_token(0);
        assert_eq!(
            refusal(session.try_hold(&token).await),
            "tenantry: a context cannot be held from within a READ ONLY transaction or on a standby"
        );
        session.sql("ROLLBACK TO s").await.unwrap();
        assert_eq!(
            refusal(session.sql("SELECT tenantry.release()").await),
            "tenantry: a context cannot be released in a READ ONLY transaction or on a standby"
        );
        session.sql("ROLLBACK TO s").await.unwrap();
        assert_eq!(session.sees().await.unwrap(), "1x2", "nothing was written");
        session.sql("ROLLBACK; BEGIN").await.unwrap();
        session.try_hold(&token).await.unwrap();
        session.sql("SET TRANSACTION READ ONLY").await.unwrap();
        assert_eq!(session.sees().await.unwrap(), "0x1");
        session.sql("COMMIT").await.unwrap();
        assert_eq!(session.sees().await.unwrap(), "0x1");
    }
}

/// `enter` puts its tenant in the place of the held one, for its transaction; after that there is none.
#[tokio::test]
async fn entering_ends_the_held_context() {
    for major in tenantry_testkit::available() {
        let fixture = Fixture::new(major).await;
        let mut session = fixture.session().await;
        for end in ["COMMIT", "ROLLBACK"] {
            session.hold(1).await;
            let mark = session.sql("SHOW tenantry.context").await.unwrap();
            session.begin(2).await;
            assert_eq!(session.sees().await.unwrap(), "2x3");
            session.sql(end).await.unwrap();
            for mark in [mark[0].as_str(), "entered", "held"] {
                session.sql(&format!("SET tenantry.context = '{mark}'")).await.unwrap();
                assert_eq!(refusal(session.sees().await), ABSENT, "{end} {mark}");
            }
            session.hold(0).await;
            assert_eq!(session.sees().await.unwrap(), "0x1");
            session.begin(1).await;
            session.hold(2).await;
            assert_eq!(session.sees().await.unwrap(), "2x3");
            session.sql(end).await.unwrap();
            match end {
                "COMMIT" => assert_eq!(session.sees().await.unwrap(), "2x3"),
                _ => assert_eq!(refusal(session.sees().await), ABSENT),
            }
        }
    }
}

/// The time of an entered context, written as a mark of a held one, is none: a seal is negative.
#[tokio::test]
async fn the_memory_of_enter_is_no_seal() {
    let fixture = Fixture::new(15).await;
    let mut session = fixture.session().await;
    session.begin(1).await;
    let time = session.sql("SELECT ('x' || encode(timestamptz_send(now()), 'hex'))::bit(64)::bigint").await.unwrap();
    session.sql("COMMIT").await.unwrap();
    for mark in ["held", "held-", "held+", "held--", "held -", ""] {
        session.sql(&format!("SET tenantry.context = '{mark}{}'", time[0])).await.unwrap();
        assert!(refusal(session.sees().await).starts_with("tenantry: "), "{mark}");
    }
}

/// Every kind of key and scope, and every type of column, as with `enter`.
#[tokio::test]
async fn each_kind_of_key_and_scope_can_be_held() {
    const KINDS: [KeyKind; 4] = [KeyKind::Uuid, KeyKind::Integer, KeyKind::Bigint, KeyKind::Text];
    for kind in KINDS {
        for scope in [None, Some(KeyKind::Integer), Some(kind)] {
            let fixture = Fixture::of(15, kind, scope).await;
            let mut session = fixture.session().await;
            for tenant in [0, 2, 1] {
                session.hold(tenant).await;
                assert_eq!(session.sees().await.unwrap(), format!("{tenant}x{}", tenant + 1), "{kind:?}");
                let key = fixture.tenants[tenant].to_string();
                assert_eq!(session.sql("SELECT tenantry.tenant_id_text()").await.unwrap(), [key.as_str()]);
                assert_eq!(session.sql("SELECT tenantry.tenant_id_or_null_text()").await.unwrap(), [key.as_str()]);
                if kind == KeyKind::Integer {
                    assert_eq!(session.sql("SELECT tenantry.tenant_id_bigint()").await.unwrap(), [key.as_str()]);
                    let refused = refusal(session.sql("SELECT tenantry.tenant_id()").await);
                    assert_eq!(refused, "tenantry: the tenant of this context is no uuid");
                }
                if !fixture.scopes.is_empty() {
                    let mut claims = session.claims(2);
                    claims.scope = Some(fixture.scopes[1].clone());
                    session.try_hold(&fixture.key.sign_hold(&claims).unwrap()).await.unwrap();
                    assert_eq!(session.sees().await.unwrap(), "2x1", "{kind:?} {scope:?}");
                    assert_eq!(
                        session.sql("SELECT tenantry.scope_id_text()").await.unwrap(),
                        [fixture.scopes[1].to_string()]
                    );
                }
            }
            session.sql("SELECT tenantry.release()").await.unwrap();
            assert_eq!(session.sql("SELECT tenantry.tenant_id_or_null_text()").await.unwrap(), ["NULL"]);
        }
    }
    let fixture = Fixture::of(15, KeyKind::Integer, None).await;
    let mut session = fixture.session().await;
    let mut claims = session.claims(0);
    claims.scope = Some(TenantKey::Integer(1));
    assert_eq!(refusal(session.try_hold(&fixture.key.sign_hold(&claims).unwrap()).await), INVALID);
}
