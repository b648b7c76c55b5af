//! A page as different people meet it: by day and by night, on a phone and on a desk, with eyes and with keys.

use fantoccini::key::Key;
use serde_json::json;

use super::chromium::{Chromium, texts};

/// How wide the window is, and which colours its owner prefers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    pub(super) width: u32,
    pub(super) scheme: &'static str,
}

/// The narrowest phone that is still sold in numbers, and a desk.
const WIDTHS: [u32; 2] = [390, 1280];
/// A tablet, and the narrowest window in which tables are tables beside the navigation.
const BETWEEN: [u32; 2] = [900, 1140];
const SCHEMES: [&str; 2] = ["light", "dark"];
const HEIGHT: u32 = 844;
/// By night nothing but the colours is another.
const COLOURS: &[&str] = &["color-contrast", "link-in-text-block"];

/// Boxes whose content is wider than they are. What ends in an ellipsis is meant to, and what only assistive
/// technology reads has no width.
const TOO_WIDE: &str = "
    const named = one => one.outerHTML.slice(0, 120);
    const root = document.documentElement;
    const wide = [];
    if (root.scrollWidth > root.clientWidth) {
        const over = [...document.querySelectorAll('body *')].filter(one =>
            one.checkVisibility() && one.getBoundingClientRect().right > root.clientWidth + 1);
        wide.push('the page: ' + over.slice(-3).map(named).join(' '));
    }
    for (const box of document.querySelectorAll('body *:not(input, select, textarea, svg, svg *, meter)')) {
        const style = getComputedStyle(box);
        const holds = style.overflowX !== 'visible' || box.matches('main, .card, .tile');
        const isMeant = !holds || style.textOverflow === 'ellipsis';
        if (isMeant || box.clientWidth < 2 || !box.checkVisibility()) continue;
        if (box.scrollWidth > box.clientWidth + 1) wide.push(named(box));
    }
    return wide;";

/// Notes every stop of the keyboard, and whether an outline shows it, on itself or on the group around it.
const FOLLOW: &str = "
    window.stops = new Set();
    window.unseen = new Set();
    const shows = one => {
        const { outlineStyle, outlineWidth } = getComputedStyle(one);
        return outlineStyle === 'auto' || (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2);
    };
    document.addEventListener('focusin', ({ target }) => {
        stops.add(target);
        if (![target, target.parentElement].some(shows)) unseen.add(target);
    });
    document.activeElement?.blur();
    getSelection().removeAllRanges();
    window.reachable = () => [...document.querySelectorAll('a[href], button, input, select, textarea, summary')]
        .filter(one => one.type !== 'hidden' && !one.disabled && one.checkVisibility({ visibilityProperty: true }));
    return reachable().length + 6 * document.querySelectorAll('input[type^=datetime]').length + 2;";

const MISSED: &str = "
    const named = one => one.outerHTML.slice(0, 120);
    const missed = reachable().filter(one => !stops.has(one)).map(one => 'not reached by Tab: ' + named(one));
    return missed.concat([...unseen].map(one => 'no visible focus: ' + named(one)));";

impl Sight {
    /// Every combination.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        WIDTHS.into_iter().flat_map(|width| SCHEMES.map(|scheme| Self { width, scheme }))
    }

    /// Where nothing but the room for things is another.
    pub(super) fn between() -> impl Iterator<Item = Self> {
        BETWEEN.into_iter().map(|width| Self { width, scheme: "light" })
    }

    /// The rules of axe-core that a page is held against so; none stands for all of them.
    pub(super) fn rules(self) -> &'static [&'static str] {
        if self.scheme == "dark" { COLOURS } else { &[] }
    }
}

impl Chromium {
    /// Looks at the page so from now on, at this one and at those that follow.
    pub(super) async fn look(&self, sight: Sight) {
        let size = json!({ "width": sight.width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        // As a phone draws them: over the page, without room of their own.
        self.devtools("Emulation.setScrollbarsHidden", json!({ "hidden": true })).await;
        // Colours that are on their way to others would be judged as neither.
        let features = json!([
            { "name": "prefers-color-scheme", "value": sight.scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "media": "", "features": features })).await;
    }

    /// Takes the cookies of a `Cookie` header for a host.
    pub(super) async fn carry(&self, origin: &str, cookies: &str) {
        for (name, value) in cookies.split("; ").filter_map(|pair| pair.split_once('=')) {
            let cookie =
                json!({ "url": origin, "name": name, "value": value, "path": "/", "secure": true, "httpOnly": true });
            assert_eq!(self.devtools("Network.setCookie", cookie).await["success"], json!(true), "{name} of {origin}");
        }
    }

    /// What a person would have to scroll sideways for, or would never see.
    pub(super) async fn too_wide(&self) -> Vec<String> {
        texts(&self.evaluate(TOO_WIDE).await)
    }

    /// Walks through the page by the Tab key alone: what it does not come to, and where nothing shows where one is.
    pub(super) async fn missed_by_keyboard(&self) -> Vec<String> {
        let steps = self.evaluate(FOLLOW).await.as_u64().unwrap();
        self.press((0..steps).map(|_| char::from(Key::Tab))).await;
        texts(&self.evaluate(MISSED).await)
    }
}
