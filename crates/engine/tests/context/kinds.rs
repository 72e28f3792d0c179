//! Every kind of key, alone and with a scope, in every form of token.

use tenantry_model::{KeyKind, TenantKey};

use crate::fixture::{Fixture, keys, refusal, unix_now};

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
