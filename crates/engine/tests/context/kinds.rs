//! Every kind of key, alone and with a scope, in every form of token.

use tenantry_model::{KeyKind, TenantKey};

use crate::fixture::{Fixture, keys, refusal};

const KINDS: [KeyKind; 4] = [KeyKind::Uuid, KeyKind::Integer, KeyKind::Bigint, KeyKind::Text];

#[tokio::test]
async fn each_kind_sees_its_own_rows_in_each_form() {
    for major in tenantry_testkit::available() {
        for kind in KINDS {
            let fixture = Fixture::of(major, kind, None).await;
            let mut session = fixture.session().await;
            for tenant in 0..3 {
                let own = format!("{tenant}x{}", tenant + 1);
                session.begin(tenant).await;
                assert_eq!(session.sees().await.unwrap(), own, "{kind:?} {major}");
                session.sql("INSERT INTO notes (body) VALUES ('new'); ROLLBACK").await.unwrap();

                let claims = session.claims(tenant);
                if let Ok(typed) = fixture.key.sign_typed(&claims) {
                    session.sql("BEGIN").await.unwrap();
                    let (t, mac) = (&typed, &typed.mac[..]);
                    let enter = "SELECT tenantry.enter($1, $2, $3, $4, $5, $6)";
                    session
                        .client
                        .execute(enter, &[&t.kid, &t.hi, &t.lo, &t.expires_at, &t.counter, &mac])
                        .await
                        .unwrap();
                    assert_eq!(session.sees().await.unwrap(), own);
                    session.sql("ROLLBACK").await.unwrap();
                } else {
                    assert_eq!(kind, KeyKind::Text);
                }

                let token = session.stateless(tenant, 20).await;
                session.sql("BEGIN READ ONLY").await.unwrap();
                session.client.execute("SELECT set_config('tenantry.context', $1, true)", &[&token]).await.unwrap();
                assert_eq!(session.sees().await.unwrap(), own);
                session.sql("ROLLBACK").await.unwrap();
                assert_eq!(refusal(session.sees().await), "tenantry: no tenant context in this transaction");
            }
        }
    }
}

/// What each sibling gives in a database whose keys are of another kind: the same key in another type, or a refusal.
#[tokio::test]
async fn siblings_give_the_key_in_the_columns_type_or_refuse() {
    let none = "-";
    let all = ["tenant_id", "tenant_id_integer", "tenant_id_bigint", "tenant_id_text"];
    let cases: [(&str, KeyKind, [&str; 4]); 13] = [
        ("0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", KeyKind::Uuid, ["=", none, none, "="]),
        ("42", KeyKind::Integer, [none, "=", "=", "="]),
        ("-2147483648", KeyKind::Integer, [none, "=", "=", "="]),
        ("42", KeyKind::Bigint, [none, "=", "=", "="]),
        ("2147483648", KeyKind::Bigint, [none, none, "=", "="]),
        ("42", KeyKind::Text, [none, "=", "=", "="]),
        ("-0", KeyKind::Text, [none, none, none, "="]),
        ("007", KeyKind::Text, [none, none, none, "="]),
        ("9223372036854775807", KeyKind::Text, [none, none, "=", "="]),
        ("9223372036854775808", KeyKind::Text, [none, none, none, "="]),
        ("0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", KeyKind::Text, ["=", none, none, "="]),
        ("0A1B2C3D-4E5F-4A6B-8C7D-9E0F1A2B3C4D", KeyKind::Text, [none, none, none, "="]),
        ("日本 'x' \\ \n", KeyKind::Text, [none, none, none, "="]),
    ];
    for (text, kind, expected) in cases {
        let mut fixture = Fixture::of(15, kind, None).await;
        fixture.tenants[0] = TenantKey::parse(kind, text).unwrap();
        let mut session = fixture.session().await;
        for (name, expected) in all.iter().zip(expected) {
            for stateless in [false, true] {
                session.sql("BEGIN").await.unwrap();
                if stateless {
                    let token = session.stateless(0, 20).await;
                    session.client.execute("SELECT set_config('tenantry.context', $1, true)", &[&token]).await.unwrap();
                } else {
                    session.enter(0).await;
                }
                session.sql("SAVEPOINT s").await.unwrap();
                let strict = session.sql(&format!("SELECT tenantry.{name}()")).await;
                if expected == none {
                    let refused = refusal(strict);
                    assert!(refused.starts_with("tenantry: the tenant of this context is no "), "{refused}");
                    session.sql("ROLLBACK TO s").await.unwrap();
                } else {
                    assert_eq!(strict.unwrap(), [text], "{name} {kind:?}");
                }
                let lenient = format!("SELECT tenantry.{}()", name.replace("tenant_id", "tenant_id_or_null"));
                let shown = session.sql(&lenient).await.unwrap();
                assert_eq!(shown, [if expected == none { "NULL" } else { text }], "{lenient}");
                session.sql("ROLLBACK").await.unwrap();
            }
            let lenient = format!("SELECT tenantry.{}()", name.replace("tenant_id", "tenant_id_or_null"));
            assert_eq!(session.sql(&lenient).await.unwrap(), ["NULL"], "{lenient} without a context");
            refusal(session.sql(&format!("SELECT tenantry.{name}()")).await);
        }
    }
}

/// A long key followed by a short one: nothing of the long one is left.
#[tokio::test]
async fn text_keys_of_every_length_are_kept_whole() {
    let mut fixture = Fixture::of(15, KeyKind::Text, Some(KeyKind::Text)).await;
    let lengths = (1..=64).rev().chain(1..=64);
    let texts: Vec<String> =
        lengths.map(|n| "abcdefghijklmnopqrstuvwxyz".chars().cycle().skip(n).take(n).collect()).collect();
    fixture.tenants = texts.iter().map(|text| TenantKey::Text(text.clone())).collect();
    let mut session = fixture.session().await;
    for (n, text) in texts.iter().enumerate() {
        let mut claims = session.claims(n);
        claims.scope = Some(TenantKey::Text(texts[texts.len() - 1 - n].clone()));
        session.sql("BEGIN").await.unwrap();
        session.try_enter(&fixture.key.sign_session(&claims).unwrap()).await.unwrap();
        let shown = session.sql("SELECT tenantry.tenant_id_text() || ' ' || tenantry.scope_id_text()").await.unwrap();
        assert_eq!(shown, [format!("{text} {}", texts[texts.len() - 1 - n])]);
        session.sql("COMMIT").await.unwrap();
    }
}

/// A context with a scope sees its part and what belongs to no part; one without sees the whole tenant.
#[tokio::test]
async fn a_scope_narrows_and_never_widens() {
    for kind in KINDS {
        let fixture = Fixture::of(15, KeyKind::Bigint, Some(kind)).await;
        fixture
            .db
            .execute("INSERT INTO notes SELECT tenant, NULL, body FROM notes WHERE body = 'of tenant 2' LIMIT 1")
            .await;
        let mut session = fixture.session().await;
        for stateless in [false, true] {
            for (scope, own) in [(None, "2x4"), (Some(0), "2x2"), (Some(2), "2x2"), (None, "2x4")] {
                let mut claims = session.claims(2);
                claims.scope = scope.map(|n: usize| fixture.scopes[n].clone());
                session.sql("BEGIN").await.unwrap();
                if stateless {
                    claims.expires_at = crate::fixture::unix_now() + 20;
                    let token = session.stateless_with(&claims).await;
                    session.client.execute("SELECT set_config('tenantry.context', $1, true)", &[&token]).await.unwrap();
                } else {
                    session.try_enter(&fixture.key.sign_session(&claims).unwrap()).await.unwrap();
                }
                assert_eq!(session.sees().await.unwrap(), own, "{kind:?} {scope:?}");
                session.sql("SAVEPOINT s").await.unwrap();
                let elsewhere = session
                    .sql(&format!(
                        "INSERT INTO notes (scope, body) VALUES ('{}', 'x')",
                        fixture.scopes[1].to_string().replace('\'', "''")
                    ))
                    .await;
                assert_eq!(elsewhere.is_ok(), scope.is_none(), "{elsewhere:?}");
                session.sql("ROLLBACK").await.unwrap();
            }
        }
        let name = format!("scope_id{}", kind.context_function().trim_start_matches("tenant_id"));
        assert_eq!(
            refusal(session.sql(&format!("SELECT tenantry.{name}()")).await),
            "tenantry: no tenant context in this transaction"
        );
        let or_null = name.replace("scope_id", "scope_id_or_null");
        assert_eq!(session.sql(&format!("SELECT tenantry.{or_null}()")).await.unwrap(), ["NULL"]);
    }
}

/// A scope that cannot be written in the column's type is a refusal: NULL would mean the whole tenant.
#[tokio::test]
async fn a_scope_that_does_not_fit_the_column_is_refused() {
    let fixture = Fixture::of(15, KeyKind::Uuid, Some(KeyKind::Text)).await;
    let mut session = fixture.session().await;
    let mut claims = session.claims(0);
    claims.scope = Some(TenantKey::Text("north".into()));
    session.sql("BEGIN").await.unwrap();
    session.try_enter(&fixture.key.sign_session(&claims).unwrap()).await.unwrap();
    assert_eq!(
        refusal(session.sql("SELECT tenantry.scope_id_bigint()").await),
        "tenantry: the scope of this context is no bigint"
    );
}

#[tokio::test]
async fn a_token_with_a_scope_means_nothing_where_there_is_none() {
    let fixture = Fixture::of(15, KeyKind::Integer, None).await;
    let mut session = fixture.session().await;
    let mut claims = session.claims(0);
    claims.scope = Some(TenantKey::Integer(1));
    let token = fixture.key.sign_session(&claims).unwrap();
    assert_eq!(refusal(session.try_enter(&token).await), "tenantry: invalid tenant context");
}

/// Two keys of one kind differ in the memory as they differ in the token.
#[tokio::test]
async fn the_extremes_of_every_kind_stay_apart() {
    for kind in KINDS {
        let fixture = Fixture::of(15, kind, None).await;
        let mut session = fixture.session().await;
        for (n, key) in keys(kind).iter().enumerate() {
            session.begin(n).await;
            assert_eq!(session.sql("SELECT tenantry.tenant_id_text()").await.unwrap(), [key.to_string()]);
            session.sql("COMMIT").await.unwrap();
        }
    }
}
