//! Certificates in Secrets: when they are valid and for whom is public, and often what an incident is about.

use jiff::Timestamp;
use leadsman_ports::condensed::{Certificate, is_dns_name};
use x509_cert::der::DecodePem;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
/// At most so many names are told.
const MAX_NAMES: usize = 5;

/// The first certificate of a PEM text; `mask` stands for its bytes. `None` for what is no certificate.
pub(super) fn read(text: &str, mask: &str) -> Option<Certificate> {
    let start = text.find(BEGIN)?;
    let end = start + text.get(start..)?.find(END)? + END.len();
    let parsed = x509_cert::Certificate::from_pem(text.get(start..end)?).ok()?;
    let body = parsed.tbs_certificate();
    let moment = |time: &x509_cert::time::Time| {
        let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
        Timestamp::from_second(seconds).ok()
    };
    let names = match body.get_extension::<SubjectAltName>() {
        Ok(Some((_, names))) => names
            .0
            .iter()
            .filter_map(|name| match name {
                GeneralName::DnsName(name) => Some(name.to_string()),
                _ => None,
            })
            .filter(|name| is_dns_name(name))
            .take(MAX_NAMES)
            .collect(),
        Ok(None) | Err(_) => Vec::new(),
    };
    Some(Certificate {
        mask: mask.to_owned(),
        not_before: moment(&body.validity().not_before)?,
        not_after: moment(&body.validity().not_after)?,
        names,
    })
}
