//! Every kind of key, and business units: the forms of the token that a uuid does not need.

use tenantry_blueprint::context::{self, ADD_KEY};
use tenantry_model::Ident;
use tenantry_model::token::ContextKey;
use tenantry_testkit::postgres;

use super::{patient, text};
use crate::{Credentials, Error, KeyKind, TenantKey, TenantPool};

const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

#[tokio::test]
async fn keys_of_each_kind_and_units_are_signed_as_the_database_reads_them() {
    for (kind, tenants, scope) in [
        (KeyKind::Integer, ["7", "-8"], None),
        (KeyKind::Bigint, ["9223372036854775807", "0"], None),
        (KeyKind::Text, ["acme", "caf\u{e9}'.; --"], None),
        (KeyKind::Text, ["acme", "other"], Some(KeyKind::Integer)),
    ] {
        let db = postgres(15).database("kinds").await;
        let role = |name: &str| Ident::new(db.role(name)).unwrap();
        let (keeper, group) = (role("tenantry"), role("rt"));
        for role in [&keeper, &group] {
            db.execute(&format!("CREATE ROLE {} NOLOGIN", role.quoted())).await;
        }
        let login = db.login("slot", &format!("IN ROLE {}", group.quoted())).await;
        let callers = [group.clone()];
        let admin = db.connect().await;
        let options = context::Options { key: kind, scope, keeper: &keeper, callers: &callers, readers: &[] };
        for statement in context::install(&options).up {
            admin.batch_execute(&statement).await.unwrap();
        }
        let pads = ContextKey::from_hex(1, SECRET).unwrap().pads();
        admin.execute(ADD_KEY, &[&1i16, &&pads.ipad[..], &&pads.opad[..]]).await.unwrap();
        admin.close().await;
        // temporary objects would be refused; an isolated database allows none
        db.execute(&format!("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC", Ident::new(db.name()).unwrap().quoted()))
            .await;

        let file = format!(
            r#"{{"format": 1, "database": "{}", "host": "{}", "port": {}, "logins": [{{"user": "{}", "password": "test-only"}}],
                "signing_key": {{"kid": 1, "key": "{SECRET}"}}}}"#,
            db.name(),
            login.host(),
            login.port(),
            login.user(),
        );
        let pool = TenantPool::connect(Credentials::parse(file.as_bytes()).unwrap(), patient()).await.unwrap();
        for key in tenants.iter().chain(tenants.iter().rev()) {
            let tenant = pool.tenant(&TenantKey::parse(kind, key).unwrap());
            assert_eq!(text(&tenant, "SELECT tenantry.tenant_id_text()").await, *key, "{kind:?}");
            let Some(scope) = scope else { continue };
            let unit = tenant.within_unit(&TenantKey::parse(scope, "5").unwrap());
            assert_eq!(
                text(&unit, "SELECT tenantry.tenant_id_text() || tenantry.scope_id_text()").await,
                format!("{key}5")
            );
            assert_eq!(unit.business_unit(), Some(&TenantKey::Integer(5)));
            // the whole tenant again is another context
            assert_eq!(text(&tenant, "SELECT coalesce(tenantry.scope_id_text(), 'whole')").await, "whole");
        }
        // signed all the same, the text "1" would be tenant 31 of a database of numbers
        let other = if kind == KeyKind::Text { TenantKey::Bigint(5) } else { TenantKey::Text("1".into()) };
        let refused = pool.tenant(&other).query("SELECT 1", &[]).await.unwrap_err();
        assert!(matches!(refused, Error::OtherKind { .. }), "{refused:?}");
        let unit = pool.tenant(&TenantKey::parse(kind, tenants[0]).unwrap()).within_unit(&TenantKey::Text("1".into()));
        match (unit.query("SELECT 1", &[]).await.unwrap_err(), scope) {
            (Error::OtherKind { .. }, Some(_)) | (Error::NoUnits, None) => {}
            (other, _) => panic!("{other:?}"),
        }
        if kind == KeyKind::Text {
            let long = pool.tenant(&TenantKey::Text("x".repeat(100))).query("SELECT 1", &[]).await;
            assert!(matches!(long, Err(Error::Sign { .. })));
            assert_eq!(pool.counts().idle, 1, "nothing was sent, so the connection is kept");
        }
        pool.close().await;
    }
}
