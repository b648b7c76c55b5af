//! Every letter once, with made-up values: what a preview shows, and what an operator's templates are tried on.

use tenantry_core::email::EmailAddress;

use super::{AccountLetter, AddressInUse, AlertLetter, InvitationLetter, KeyEnding, Mail, Seen, VerifyAddress, Whom};

const BRAND: &str = "Acme & Sons";
const WORKSPACE: &str = "acme.example.com";
const LINK: &str = "https://app.example.com/-/link?token=J3Cr7tgX6rJEB2m0FWVYQA&from=mail";

/// One of each letter, in the order of their names.
pub fn samples() -> Vec<Mail> {
    // Invariant: an address of RFC 2606.
    let Ok(to) = EmailAddress::parse("ada@example.com") else { return Vec::new() };
    let mut samples = vec![
        VerifyAddress { brand: BRAND, workspace: WORKSPACE, link: LINK, hours: 24 }.mail(to.clone()),
        AddressInUse { brand: BRAND, sign_in: LINK }.mail(to.clone()),
        InvitationLetter { brand: BRAND, workspace: WORKSPACE, link: LINK, hours: 168 }.mail(to.clone()),
        KeyEnding { brand: BRAND, key: "Invoices", workspace: "Acme", mode: "live", days: 3, link: LINK.to_owned() }
            .mail(to.clone()),
        AlertLetter {
            brand: BRAND,
            seen: Seen::Refusals { whom: Whom::Address("203.0.113.7".to_owned()), count: 500 },
            minutes: 10,
            link: LINK,
        }
        .mail(to.clone()),
    ];
    samples.extend(AccountLetter::ALL.map(|letter| letter.mail(to.clone(), BRAND, LINK, "30 minutes")));
    samples.sort_by(|a, b| name(a).cmp(name(b)));
    samples
}

fn name(mail: &Mail) -> &str {
    mail.sheet.as_ref().map_or("", |sheet| &sheet.letter)
}
