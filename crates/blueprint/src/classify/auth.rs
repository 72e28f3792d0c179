//! Tables of logins: sessions, accounts of other services, verification tokens, OAuth providers.

use super::facts::Facts;
use super::references::Role;
use super::words;

/// Names of tables that authentication libraries keep, squashed and in the singular.
const NAMES: &[&str] = &[
    "account",
    "session",
    "verification",
    "verificationtoken",
    "verificationrequest",
    "passwordresettoken",
    "passwordreset",
    "oauthapp",
    "oauthauthdata",
    "oauthaccessdata",
    "useraccesstoken",
    "accesstoken",
    "passwordresetrequest",
    "resetpasswordtoken",
    "resettoken",
    "resetpassword",
    "twofactor",
    "twofactortoken",
    "passkey",
    "webauthncredential",
    "webauthnchallenge",
    "authenticator",
    "authenticatoraccount",
    "refreshtoken",
    "oauthaccesstoken",
    "oauthrefreshtoken",
    "oauthauthorizationcode",
    "oauthauthcode",
    "oauthconsent",
    "oauthclient",
    "oauthapplication",
    "oauthaccessgrant",
    "oauthopenidrequest",
    "oauthpersonalaccessclient",
    "oauthdevicecode",
    "oauthclientassertion",
    "oauthclientresource",
    "oauthresource",
    "jwk",
    "jwkskey",
    "personalaccesstoken",
    "magiclink",
    "magiclinktoken",
    "onetimetoken",
    "onetimepassword",
    "otp",
    "emailverification",
    "emailverificationtoken",
    "emailtoken",
    "emailconfirmation",
    "userrecoverytoken",
    "recoverycode",
    "backupcode",
    "mfafactor",
    "mfachallenge",
    "mfaamrclaim",
    "flowstate",
    "identity",
    "samlrelaystate",
    "authcode",
    "authtoken",
    "authtokentoken",
    "usersession",
    "socialaccount",
    "socialaccountsocialaccount",
    "accountemailaddress",
    "accountemailconfirmation",
    "usersocialauth",
    "socialauthusersocialauth",
    "loginattempt",
    "loginsession",
    "logintoken",
    "userlogin",
    "userauth",
    "userpassword",
    "usertwofactor",
    "authsession",
    "authaccount",
    "externallogin",
    "oauth2accesstoken",
    "oauth2refreshtoken",
    "oauth2grant",
    "oauth2application",
    "oauth2idtoken",
    "oauth2authorizationcode",
    "oauth2session",
    "oauth2client",
    "passwordhistory",
    "verificationcode",
    "confirmationtoken",
    "rememberedtoken",
    "remembertoken",
    "usertoken",
    "userstoken",
    "userprovider",
    "useridentity",
    "useroauth",
    "device",
    "devicecode",
    "deviceflow",
    "totpdevice",
    "staticdevice",
    "otptotptotpdevice",
    "otpstaticstaticdevice",
    "otpstaticstatictoken",
    "revokedtoken",
    "blacklistedtoken",
    "tokenblacklist",
    "outstandingtoken",
    "knoxauthtoken",
    "impersonation",
    "clientsession",
    "usertotp",
    "userpasskey",
    "usermfa",
    "mfa",
    "twofactormethod",
    "totp",
    "signinattempt",
    "authmethod",
    "authproviderlink",
    "oauthauthorization",
];

/// True if the table is one of the login machinery.
pub(super) fn is_login_table(facts: &Facts<'_>, t: usize) -> bool {
    let whole = words::squashed(&facts.names[t]);
    let full = words::squashed(&facts.full_names[t]);
    let schema = facts.tables[t].name.schema.as_str();
    let named = NAMES.contains(&whole.as_str()) || NAMES.contains(&full.as_str());
    let account_of_a_provider = facts.has_column(t, &["provider", "providerid", "providername"])
        && facts
            .has_column(t, &["provideraccountid", "provideruserid", "uid", "refreshtoken", "accesstoken", "accountid"])
        && names_person(facts, t);
    let session = facts.has_column(t, &["sessiontoken", "sessiondata", "sessionkey"])
        && facts.has_column(t, &["expire", "expiresat", "expiresdate", "expiredate", "expiry"]);
    let ambiguous = matches!(
        whole.as_str(),
        "account"
            | "identity"
            | "device"
            | "session"
            | "verification"
            | "authenticator"
            | "impersonation"
            | "otp"
            | "mfa"
    );
    let library_schema = schema == "auth"
        && facts.tables.iter().any(|t| t.name.schema.as_str() == "auth" && t.name.name.as_str() == "users");
    if named && ambiguous {
        // the plain word may mean anything: a ledger account, a visitor's session
        return account_of_a_provider
            || session
            || facts.has_column(
                t,
                &[
                    "token",
                    "identifier",
                    "data",
                    "sess",
                    "secret",
                    "publickey",
                    "credentialid",
                    "refreshtoken",
                    "accesstoken",
                    "useragent",
                ],
            ) && !has_tenantish_parent(facts, t)
            || library_schema;
    }
    let reset = facts.has_word(t, &["password", "verification", "passwordless"])
        && facts.has_word(t, &["reset", "request", "token", "code", "recovery"]);
    let machinery = facts
        .has_word(t, &["auth", "oauth", "oauth2", "jwt", "jwk", "totp", "otp", "passkey", "webauthn", "mfa", "2fa"]);
    named || reset || machinery || account_of_a_provider || session || library_schema
}

/// The table refers to a person who owns the row.
pub(super) fn names_person(facts: &Facts<'_>, t: usize) -> bool {
    facts.references[t].iter().any(|r| facts.people[r.target] && r.target != t && r.role == Role::Owner)
}

fn has_tenantish_parent(facts: &Facts<'_>, t: usize) -> bool {
    facts.references[t].iter().any(|r| r.target != t && !facts.people[r.target] && !r.nullable)
}
