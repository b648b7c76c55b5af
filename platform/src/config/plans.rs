//! `[plans.NAME]`: what a workspace's plan gives it [RL-4, AC-3].

use tenantry_core::window::Limit;

use super::document::At;
use super::fault::did_you_mean;
use super::limits::{LIMIT_MAX, Limits, TierId, WINDOW_S_MAX};
use super::section::Section;

/// More plans than this are agreements with single workspaces, which have limits of their own.
const PLANS_MAX: usize = 50;
/// A workspace has no more members than this anyway.
const SEATS_MAX: u32 = 5_000;
/// They stand in every identity token, which has little room.
const ENTITLEMENTS_MAX: usize = 20;

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub name: Box<str>,
    /// Limits that differ from those of the tiers.
    pub limits: Vec<(TierId, Limit)>,
    /// Members and open invitations at most; none: as many as a workspace can have.
    pub seats: Option<u32>,
    /// What the app may let its people do: words of the app's own.
    pub entitlements: Vec<String>,
}

/// Every plan of the file. A workspace whose plan is none of them has the tiers' own limits, no bound of seats and no
/// entitlement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plans(Vec<Plan>);

impl Plans {
    pub(super) fn read(section: &Section<'_, '_>, limits: &Limits) -> Self {
        let plans = section.named(|name, section| {
            refuse_name(name, section);
            At { value: Plan::read(name.value, section, limits), span: name.span.clone() }
        });
        if let Some(beyond) = plans.get(PLANS_MAX) {
            section.reading.fault(
                &beyond.span,
                format!("more than {PLANS_MAX} plans"),
                "Give single workspaces limits of their own with `tenantry tenants limits`.",
            );
        }
        Self(plans.into_iter().map(|plan| plan.value).collect())
    }

    /// The plan of a name.
    pub fn find(&self, name: &str) -> Option<&Plan> {
        self.0.iter().find(|plan| &*plan.name == name)
    }

    /// In the order of the file.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Plan> {
        self.0.iter()
    }
}

impl Plan {
    fn read(name: &str, section: &Section<'_, '_>, limits: &Limits) -> Self {
        let words = section.words("entitlements", &[], "words of the app's own");
        if let Some(beyond) = words.get(ENTITLEMENTS_MAX) {
            section.reading.fault(
                &beyond.span,
                format!("more than {ENTITLEMENTS_MAX} entitlements"),
                "The app can tell more from the plan's name.",
            );
        }
        let limits = section.section("limits", |section| section.named(|tier, section| limit(tier, section, limits)));
        Self {
            name: name.into(),
            limits: limits.into_iter().flatten().collect(),
            seats: section.maybe_number("seats", 1..=SEATS_MAX),
            entitlements: words.iter().filter_map(|word| entitlement(section, word)).collect(),
        }
    }
}

/// A tier's limit under the plan; what is not written stays as the tier has it.
fn limit(name: &At<&str>, section: &Section<'_, '_>, limits: &Limits) -> Option<(TierId, Limit)> {
    let most = section.maybe_number("limit", 1..=LIMIT_MAX);
    let window_s = section.maybe_number("window_s", 1..=WINDOW_S_MAX);
    let Some(id) = limits.find(name.value) else {
        let mean = did_you_mean(name.value, limits.iter().map(|tier| &*tier.name));
        let fix = format!("{mean}Or declare [limits.tiers.{}].", name.value);
        section.reading.fault(&name.span, format!("tier {:?} is not known", name.value), fix);
        return None;
    };
    let tier = limits.tier(id).window();
    let window_ms = window_s.map_or(tier.window_ms, |seconds| seconds.saturating_mul(1_000));
    Some((id, Limit { max: most.unwrap_or(tier.max), window_ms }))
}

fn entitlement(section: &Section<'_, '_>, word: &At<&str>) -> Option<String> {
    let is_word = is_word(word.value, 40);
    if !is_word {
        section.reading.fault(
            &word.span,
            format!("{:?} is no entitlement", word.value),
            "Write 1 to 40 lower-case letters, digits, -, _ and :.",
        );
    }
    is_word.then(|| word.value.to_owned())
}

fn refuse_name(name: &At<&str>, section: &Section<'_, '_>) {
    if !is_word(name.value, 40) {
        section.reading.fault(
            &name.span,
            format!("{:?} cannot name a plan", name.value),
            "Use 1 to 40 lower-case letters, digits, -, _ and :.",
        );
    }
}

fn is_word(text: &str, most: usize) -> bool {
    let is_part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_:".contains(&b);
    (1..=most).contains(&text.len()) && text.bytes().all(is_part)
}
