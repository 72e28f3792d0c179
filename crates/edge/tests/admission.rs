//! Who is admitted, who is refused and with which words.
#![allow(clippy::unwrap_used, reason = "a test that cannot do its work has failed")]

use std::sync::Arc;

use tenantry_edge::admission::{Claim, PassKeys, Refusal};
use tenantry_edge::directory::{
    Directory, Limits, PublishError, Snapshot, SnapshotBuilder, SnapshotError, TenantFacts, TenantState,
};
use tenantry_model::token::{ContextKey, PassClaims};
use tenantry_model::{KeyKind, TenantKey};

fn tenant(key: i32, slug: &str) -> TenantFacts {
    TenantFacts { slug: (!slug.is_empty()).then(|| Arc::from(slug)), ..TenantFacts::new(TenantKey::Integer(key)) }
}

fn list(generation: u64, tenants: impl IntoIterator<Item = TenantFacts>) -> Snapshot {
    let mut builder = SnapshotBuilder::new(KeyKind::Integer, generation);
    tenants.into_iter().for_each(|t| builder.add(t).unwrap());
    builder.build().unwrap()
}

fn suspended(facts: TenantFacts) -> TenantFacts {
    TenantFacts { state: TenantState::Suspended, ..facts }
}

fn two() -> Directory {
    Directory::new(list(1, [tenant(1, "acme"), tenant(2, "bolt")])).unwrap()
}

#[test]
fn each_kind_of_claim_finds_its_tenant_and_no_other() {
    let directory = two();
    for claim in
        [Claim::Slug("acme"), Claim::SlugOrKey("acme"), Claim::SlugOrKey("1"), Claim::Key(TenantKey::Integer(1))]
    {
        let admitted = directory.admit(&claim).unwrap();
        assert_eq!((admitted.key(), admitted.slug().as_deref()), (&TenantKey::Integer(1), Some("acme")), "{claim:?}");
    }
    for claim in [
        Claim::Slug("1"),
        Claim::Slug("ACME"),
        Claim::Slug(""),
        Claim::SlugOrKey("01"),
        Claim::SlugOrKey("+1"),
        Claim::SlugOrKey(" 1"),
        Claim::SlugOrKey("3"),
        Claim::Key(TenantKey::Bigint(1)),
        Claim::Key(TenantKey::Text("1".into())),
    ] {
        assert_eq!(directory.admit(&claim).unwrap_err(), Refusal::Unknown, "{claim:?}");
    }
    assert_eq!(directory.admit_all(&[]).unwrap_err(), Refusal::NoClaim);
}

#[test]
fn claims_that_disagree_are_refused_whether_or_not_the_other_tenant_exists() {
    let directory = two();
    let acme = Claim::Key(TenantKey::Integer(1));
    assert!(directory.admit_all(&[acme.clone(), Claim::Slug("acme"), Claim::SlugOrKey("1")]).is_ok());
    for other in ["bolt", "nobody"] {
        for order in [[acme.clone(), Claim::Slug(other)], [Claim::Slug(other), acme.clone()]] {
            assert_eq!(directory.admit_all(&order).unwrap_err(), Refusal::Disagree, "{order:?}");
        }
    }
    assert_eq!(directory.admit_all(&[Claim::Slug("x"), Claim::Slug("y")]).unwrap_err(), Refusal::Unknown);
}

#[test]
fn a_pass_opens_its_own_tenant_only() {
    let directory = two();
    let signer = ContextKey::new(1, [7; 32]).unwrap();
    let keys = PassKeys::new([ContextKey::new(1, [7; 32]).unwrap()], KeyKind::Integer, Some(KeyKind::Integer));
    let pass = |tenant, scope: Option<i32>| {
        let claims =
            PassClaims { tenant: TenantKey::Integer(tenant), scope: scope.map(TenantKey::Integer), expires_at: 100 };
        keys.check(&signer.sign_pass(&claims).unwrap(), 50).unwrap()
    };
    let (whole, part) = (pass(1, None), pass(1, Some(9)));
    let admitted = directory.admit_all(&[Claim::SlugOrKey("acme"), Claim::Token(&part)]).unwrap();
    assert_eq!((admitted.scope(), admitted.expires_at()), (Some(&TenantKey::Integer(9)), Some(100)));
    assert_eq!(directory.admit(&Claim::Token(&whole)).unwrap().scope(), None);
    for other in ["bolt", "nobody"] {
        let claims = [Claim::SlugOrKey(other), Claim::Token(&whole)];
        assert_eq!(directory.admit_all(&claims).unwrap_err(), Refusal::NotYours);
    }
    let claims = [Claim::Token(&whole), Claim::Token(&part)];
    assert_eq!(directory.admit_all(&claims).unwrap_err(), Refusal::NotYours, "two passes for different parts");
}

#[test]
fn who_holds_a_tenant_sees_what_is_published_later() {
    let directory = two();
    let held = directory.admit(&Claim::Slug("acme")).unwrap();
    let other = directory.admit(&Claim::Slug("bolt")).unwrap();
    assert_ne!(held.number(), other.number());

    let mut acme = tenant(1, "acme-inc");
    acme.limits = Limits { connections: Some(3), ..Limits::NONE };
    let changes = directory.publish(list(2, [acme.clone(), tenant(2, "bolt")])).unwrap();
    assert_eq!((changes.added, changes.removed, changes.stopped), (0, 0, 0));
    assert_eq!((held.slug().as_deref(), held.limits().connections), (Some("acme-inc"), Some(3)));
    assert_eq!(directory.admit(&Claim::Slug("acme")).unwrap_err(), Refusal::Unknown, "the old name is gone");

    let changes = directory.publish(list(3, [suspended(acme.clone())])).unwrap();
    assert_eq!((changes.removed, changes.stopped), (1, 1));
    assert_eq!(held.check().unwrap_err(), Refusal::Suspended);
    assert_eq!(other.check().unwrap_err(), Refusal::Deleted);
    assert_eq!(directory.admit(&Claim::Slug("acme-inc")).unwrap_err(), Refusal::Suspended);
    assert_eq!(directory.admit(&Claim::Slug("bolt")).unwrap_err(), Refusal::Unknown);

    directory.publish(list(4, [acme, tenant(2, "bolt")])).unwrap();
    assert!(held.check().is_ok(), "resumed");
    let again = directory.admit(&Claim::Slug("bolt")).unwrap();
    assert_eq!(other.check().unwrap_err(), Refusal::Deleted, "what was deleted stays deleted to who held it");
    assert!(!again.is_same_tenant(&other) && again.number() != other.number());
}

#[test]
fn an_older_list_is_not_taken() {
    let directory = two();
    directory.publish(list(5, [suspended(tenant(1, "acme"))])).unwrap();
    for offered in [0, 4, 5] {
        let stale = directory.publish(list(offered, [tenant(1, "acme")])).unwrap_err();
        assert_eq!(stale, PublishError::Stale { have: 5, offered });
    }
    assert_eq!(directory.generation(), 5);
    assert_eq!(directory.admit(&Claim::Slug("acme")).unwrap_err(), Refusal::Suspended);
}

#[test]
fn a_list_in_which_a_name_could_mean_two_is_refused() {
    let build = |kind, tenants: &[(TenantKey, &str)]| {
        let mut builder = SnapshotBuilder::new(kind, 1);
        for (key, slug) in tenants {
            builder.add(TenantFacts { slug: Some(Arc::from(*slug)), ..TenantFacts::new(key.clone()) })?;
        }
        builder.build()
    };
    let (int, text) = (TenantKey::Integer, |t: &str| TenantKey::Text(t.to_owned()));
    let refused = |kind, tenants: &[(TenantKey, &str)]| build(kind, tenants).unwrap_err();
    assert!(matches!(refused(KeyKind::Integer, &[(int(1), "a"), (int(1), "b")]), SnapshotError::DuplicateKey { .. }));
    assert!(matches!(refused(KeyKind::Integer, &[(int(1), "a"), (int(2), "a")]), SnapshotError::DuplicateSlug { .. }));
    assert!(matches!(refused(KeyKind::Integer, &[(int(1), "2"), (int(2), "a")]), SnapshotError::SlugIsKey { .. }));
    assert!(matches!(refused(KeyKind::Integer, &[(int(1), "002")]), SnapshotError::SlugIsKey { .. }));
    assert!(matches!(refused(KeyKind::Integer, &[(int(1), "A")]), SnapshotError::Slug { .. }));
    assert!(matches!(refused(KeyKind::Bigint, &[(int(1), "a")]), SnapshotError::KeyKind { .. }));
    for key in ["acme", "Acme", "ACME"] {
        let both = [(text(key), "x"), (text("y"), "acme")];
        assert!(matches!(refused(KeyKind::Text, &both), SnapshotError::SlugIsKey { .. }), "{key}");
    }
    let spelt = "0a1b2c3d4e5f4a6b8c7d9e0f1a2b3c4d";
    let uuid = |n| TenantKey::Uuid(uuid::Uuid::from_u128(n));
    assert!(matches!(refused(KeyKind::Uuid, &[(uuid(1), spelt)]), SnapshotError::SlugIsKey { .. }));
    assert!(build(KeyKind::Text, &[(text("acme"), "acme"), (text("Other"), "other")]).is_ok(), "one's own key");
    assert!(build(KeyKind::Integer, &[(int(7), "7"), (int(8), "8a")]).is_ok());
}

#[test]
fn an_open_directory_admits_every_key_of_its_type_and_remembers_who_came() {
    let limits = Limits { connections: Some(5), ..Limits::NONE };
    let directory = Directory::open(KeyKind::Integer, limits);
    assert_eq!(directory.find("7").unwrap().limits, limits);
    for name in ["acme", "07", "", "99999999999"] {
        assert!(directory.find(name).is_none() && directory.admit(&Claim::SlugOrKey(name)).is_err(), "{name}");
    }
    let seven = directory.admit(&Claim::SlugOrKey("7")).unwrap();
    assert!(directory.admit(&Claim::Key(TenantKey::Integer(7))).unwrap().is_same_tenant(&seven));
    assert_eq!(directory.admit(&Claim::Slug("7")).unwrap_err(), Refusal::Unknown);
    assert_eq!(directory.admit(&Claim::Key(TenantKey::Bigint(7))).unwrap_err(), Refusal::Unknown);
    assert_eq!(directory.publish(list(1, [])).unwrap_err(), PublishError::Open);
}

#[test]
fn an_open_directory_forgets_whom_nobody_holds_and_refuses_when_all_are_held() {
    let directory = Directory::open_with(KeyKind::Integer, Limits::NONE, 1);
    for key in 0..2000 {
        directory.admit(&Claim::Key(TenantKey::Integer(key))).unwrap();
    }
    let held: Vec<_> = (0..2000).filter_map(|key| directory.admit(&Claim::Key(TenantKey::Integer(key))).ok()).collect();
    assert!((1..=64).contains(&held.len()), "{}", held.len());
    let refused = (0..2000).find_map(|key| directory.admit(&Claim::Key(TenantKey::Integer(key))).err());
    assert_eq!(refused, Some(Refusal::Full));
    drop(held);
    assert!((0..2000).all(|key| directory.admit(&Claim::Key(TenantKey::Integer(key))).is_ok()));
}
