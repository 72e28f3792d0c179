//! The names in a client's certificate, as far as a login can be proven by one.

use x509_cert::Certificate;
use x509_cert::der::asn1::{Ia5StringRef, PrintableStringRef, Utf8StringRef};
use x509_cert::der::oid::db::rfc4519::COMMON_NAME;
use x509_cert::der::{Decode, Tag, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// The alternative names (of hosts, mail addresses and URIs) and the common names of a certificate in DER.
///
/// None where it is no certificate, or its alternative names cannot be read. A name with a zero byte is left out: the
/// authority and we could read it differently. That somebody trusted signed the certificate is for the caller to know.
pub fn names(certificate: &[u8]) -> Vec<String> {
    let Ok(certificate) = Certificate::from_der(certificate) else { return Vec::new() };
    let tbs = &certificate.tbs_certificate;
    let mut names = Vec::new();
    match tbs.get::<SubjectAltName>() {
        Ok(Some((_, alternatives))) => {
            names.extend(alternatives.0.iter().filter_map(|name| match name {
                GeneralName::DnsName(name) | GeneralName::Rfc822Name(name) => Some(name.to_string()),
                GeneralName::UniformResourceIdentifier(name) => Some(name.to_string()),
                _ => None,
            }));
        }
        Ok(None) => {}
        Err(_) => return Vec::new(),
    }
    for attribute in tbs.subject.0.iter().flat_map(|relative| relative.0.iter()) {
        let value = &attribute.value;
        let text = match value.tag() {
            _ if attribute.oid != COMMON_NAME => continue,
            Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().map(|s| s.as_str().to_owned()),
            Tag::PrintableString => value.decode_as::<PrintableStringRef<'_>>().map(|s| s.as_str().to_owned()),
            Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().map(|s| s.as_str().to_owned()),
            _ => continue,
        };
        names.extend(text);
    }
    names.retain(|name| !name.is_empty() && !name.contains('\0'));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_has_no_names() {
        for bytes in [&b""[..], b"x", &[0x30, 0x82, 0xff, 0xff], &[0x30; 64]] {
            assert_eq!(names(bytes), Vec::<String>::new());
        }
    }
}
