//! What each route needs. The OpenAPI document says it too (`x-permission`), so that whoever attacks the API from
//! outside knows what each role must not do; a test holds the table against the document, and each role against it.

use utoipa::openapi::OpenApi;
use utoipa::openapi::extensions::ExtensionsBuilder;

use crate::access::Permission;

/// What a route needs, and where: inside the tenant of its path, or on the platform.
pub const ROUTES: &[(&str, &str, Permission, bool)] = &[
    ("GET", "/api/tenants", Permission::TenantRead, false),
    ("POST", "/api/tenants", Permission::TenantCreate, false),
    ("GET", "/api/tenants/{id}", Permission::TenantRead, true),
    ("PATCH", "/api/tenants/{id}", Permission::TenantUpdate, true),
    ("DELETE", "/api/tenants/{id}", Permission::TenantDelete, true),
    ("POST", "/api/tenants/{id}/suspend", Permission::TenantSuspend, true),
    ("POST", "/api/tenants/{id}/resume", Permission::TenantSuspend, true),
    ("POST", "/api/tenants/{id}/restore", Permission::TenantDelete, true),
    ("GET", "/api/tenant", Permission::TenantRead, false),
    // whoever has a credential may ask who he is
    ("GET", "/api/me", Permission::TenantRead, false),
    ("POST", "/api/logout", Permission::TenantRead, false),
    ("GET", "/api/users", Permission::UserRead, false),
    ("POST", "/api/users", Permission::UserManage, false),
    ("GET", "/api/users/{user}", Permission::UserRead, false),
    ("PATCH", "/api/users/{user}", Permission::UserManage, false),
    ("DELETE", "/api/users/{user}", Permission::UserManage, false),
    ("GET", "/api/signing-keys", Permission::SigningKeyRead, false),
    ("POST", "/api/signing-keys/rotate", Permission::SigningKeyManage, false),
    ("DELETE", "/api/signing-keys/{kid}", Permission::SigningKeyManage, false),
    ("GET", "/api/tenants/{id}/members", Permission::MemberRead, true),
    ("POST", "/api/tenants/{id}/members", Permission::MemberManage, true),
    ("GET", "/api/tenants/{id}/members/{user}", Permission::MemberRead, true),
    ("PATCH", "/api/tenants/{id}/members/{user}", Permission::MemberManage, true),
    ("DELETE", "/api/tenants/{id}/members/{user}", Permission::MemberManage, true),
    ("GET", "/api/tenants/{id}/invitations", Permission::MemberRead, true),
    ("POST", "/api/tenants/{id}/invitations", Permission::MemberManage, true),
    ("DELETE", "/api/tenants/{id}/invitations/{invitation}", Permission::MemberManage, true),
    ("GET", "/api/tenants/{id}/support", Permission::SupportRead, true),
    ("POST", "/api/tenants/{id}/support", Permission::SupportAsk, true),
    ("POST", "/api/tenants/{id}/support/{support}/consent", Permission::SupportConsent, true),
    ("POST", "/api/tenants/{id}/support/{support}/refuse", Permission::SupportConsent, true),
    ("POST", "/api/tenants/{id}/support/{support}/end", Permission::SupportConsent, true),
    ("GET", "/api/tenants/{id}/audit", Permission::AuditRead, true),
    ("GET", "/api/tenants/{id}/keys", Permission::KeyRead, true),
    ("POST", "/api/tenants/{id}/keys", Permission::KeyManage, true),
    ("GET", "/api/tenants/{id}/placement", Permission::DatabaseRead, true),
    ("POST", "/api/tenants/{id}/retry", Permission::DatabaseManage, true),
    ("POST", "/api/tenants/{id}/login", Permission::DatabaseManage, true),
    ("GET", "/api/tenants/{id}/erasure", Permission::TenantDelete, true),
    ("GET", "/api/databases", Permission::DatabaseRead, false),
    ("POST", "/api/databases", Permission::DatabaseManage, false),
    ("GET", "/api/databases/{database}", Permission::DatabaseRead, false),
    ("PATCH", "/api/databases/{database}", Permission::DatabaseManage, false),
    ("DELETE", "/api/databases/{database}", Permission::DatabaseManage, false),
    ("GET", "/api/fleet", Permission::DatabaseRead, false),
    ("GET", "/api/fleet/migrations", Permission::DatabaseRead, false),
    ("POST", "/api/fleet/migrations", Permission::DatabaseManage, false),
    ("GET", "/api/fleet/migrations/{version}", Permission::DatabaseRead, false),
    ("POST", "/api/fleet/migrations/{version}/resume", Permission::DatabaseManage, false),
    ("POST", "/api/fleet/migrations/{version}/abandon", Permission::DatabaseManage, false),
    ("GET", "/api/tenants/{id}/alerts", Permission::AlertRead, true),
    ("POST", "/api/tenants/{id}/alerts/{alert}/acknowledge", Permission::AlertManage, true),
    ("GET", "/api/tenants/{id}/usage", Permission::UsageRead, true),
    ("GET", "/api/tenants/{id}/metrics", Permission::UsageRead, true),
    ("GET", "/api/tenants/{id}/webhooks", Permission::WebhookRead, true),
    ("POST", "/api/tenants/{id}/webhooks", Permission::WebhookManage, true),
    ("GET", "/api/tenants/{id}/webhooks/{webhook}", Permission::WebhookRead, true),
    ("PATCH", "/api/tenants/{id}/webhooks/{webhook}", Permission::WebhookManage, true),
    ("DELETE", "/api/tenants/{id}/webhooks/{webhook}", Permission::WebhookManage, true),
    ("POST", "/api/tenants/{id}/webhooks/{webhook}/rotate", Permission::WebhookManage, true),
    ("POST", "/api/tenants/{id}/webhooks/{webhook}/test", Permission::WebhookManage, true),
    ("GET", "/api/tenants/{id}/webhooks/{webhook}/deliveries", Permission::WebhookRead, true),
    ("POST", "/api/tenants/{id}/webhooks/{webhook}/deliveries/{delivery}/replay", Permission::WebhookManage, true),
    ("GET", "/api/plans", Permission::PlanRead, false),
    ("POST", "/api/plans", Permission::PlanManage, false),
    ("GET", "/api/plans/{key}", Permission::PlanRead, false),
    ("PATCH", "/api/plans/{key}", Permission::PlanManage, false),
    ("DELETE", "/api/plans/{key}", Permission::PlanManage, false),
    ("POST", "/api/plans/{key}/retire", Permission::PlanManage, false),
    ("GET", "/api/tenants/{id}/quota", Permission::QuotaRead, true),
    ("PUT", "/api/tenants/{id}/quota", Permission::QuotaManage, true),
    ("DELETE", "/api/tenants/{id}/quota", Permission::QuotaManage, true),
    ("POST", "/api/tenants/{id}/quota/validate", Permission::QuotaUse, true),
    ("POST", "/api/tenants/{id}/quota/reserve", Permission::QuotaUse, true),
    ("POST", "/api/tenants/{id}/quota/commit", Permission::QuotaUse, true),
    ("POST", "/api/tenants/{id}/quota/release", Permission::QuotaUse, true),
    ("POST", "/api/tenants/{id}/quota/recalculate", Permission::QuotaManage, true),
    ("GET", "/api/tenants/{id}/quota/analytics", Permission::QuotaRead, true),
    ("GET", "/api/tenants/{id}/quota/report", Permission::QuotaRead, true),
    ("DELETE", "/api/tenants/{id}/keys/{key}", Permission::KeyManage, true),
    ("POST", "/api/tenants/{id}/keys/{key}/rotate", Permission::KeyManage, true),
];

/// What nobody reaches who belongs to a tenant, whatever it may do there.
pub const OF_PLATFORM: &[(&str, &str, Permission)] = &[
    ("GET", "/api/audit/retention", Permission::AuditManage),
    ("PUT", "/api/audit/retention", Permission::AuditManage),
    ("GET", "/api/alerts", Permission::AlertRead),
    ("POST", "/api/alerts/{alert}/acknowledge", Permission::AlertManage),
    ("POST", "/api/usage/reports", Permission::UsageReport),
    ("GET", "/api/webhooks", Permission::WebhookRead),
    ("POST", "/api/webhooks", Permission::WebhookManage),
    ("GET", "/api/webhooks/{webhook}", Permission::WebhookRead),
    ("PATCH", "/api/webhooks/{webhook}", Permission::WebhookManage),
    ("DELETE", "/api/webhooks/{webhook}", Permission::WebhookManage),
    ("POST", "/api/webhooks/{webhook}/rotate", Permission::WebhookManage),
    ("POST", "/api/webhooks/{webhook}/test", Permission::WebhookManage),
    ("GET", "/api/webhooks/{webhook}/deliveries", Permission::WebhookRead),
    ("POST", "/api/webhooks/{webhook}/deliveries/{delivery}/replay", Permission::WebhookManage),
];

/// Writes into the document what the table says.
pub(super) fn say(document: &mut OpenApi) {
    let of_tenants = ROUTES.iter().map(|(method, path, permission, _)| (method, path, permission));
    let of_platform = OF_PLATFORM.iter().map(|(method, path, permission)| (method, path, permission));
    for (method, path, permission) in of_tenants.chain(of_platform) {
        let Some(item) = document.paths.paths.get_mut(*path) else { continue };
        let operation = match *method {
            "GET" => &mut item.get,
            "POST" => &mut item.post,
            "PUT" => &mut item.put,
            "PATCH" => &mut item.patch,
            "DELETE" => &mut item.delete,
            _ => continue,
        };
        if let Some(operation) = operation {
            let extensions = ExtensionsBuilder::new().add("x-permission", permission.as_str()).build();
            operation.extensions.get_or_insert_default().merge(extensions);
        }
    }
}
