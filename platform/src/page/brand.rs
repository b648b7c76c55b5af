//! `[brand]`: name, logo, and an accent colour that stays readable on both themes.

use std::fmt;
use std::str::FromStr;

/// WCAG 2.2, 1.4.3: text needs 4.5 to 1. A little more, because tints sit under some links.
const CONTRAST_MIN: f64 = 4.8;
/// The lightest surface that text in the accent stands on in the light theme.
const LIGHT_SURFACE: Rgb = Rgb(0xf4, 0xf5, 0xf7);
/// The lightest surface that it stands on in the dark theme.
const DARK_SURFACE: Rgb = Rgb(0x20, 0x23, 0x29);
/// Steps of lightness tried: fine enough that no step can be seen.
const STEPS: u8 = 100;

/// What a page says about whose product it is.
#[derive(Clone, Debug)]
pub struct Brand {
    pub name: String,
    /// Where the logo is served from; `data:` or a path on the same host. Empty: the first letter stands in.
    pub logo: String,
    pub accent: Option<Accent>,
}

impl Default for Brand {
    fn default() -> Self {
        Self { name: "Tenantry".to_owned(), logo: String::new(), accent: None }
    }
}

impl Brand {
    /// The letter that stands in for a logo.
    pub fn initial(&self) -> String {
        self.name.chars().next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default()
    }
}

/// The accent was not written as a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a colour; write it as #rrggbb, for example #2456d6")]
pub struct NotAColour;

/// An accent colour, in the lightness that each theme needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accent {
    light: Rgb,
    dark: Rgb,
}

impl Accent {
    /// The accent on light surfaces, as `#rrggbb`; white text on it is readable as well.
    pub fn on_light(&self) -> String {
        self.light.to_string()
    }

    /// The accent on dark surfaces, as `#rrggbb`; near-black text on it is readable as well.
    pub fn on_dark(&self) -> String {
        self.dark.to_string()
    }
}

impl FromStr for Accent {
    type Err = NotAColour;

    fn from_str(text: &str) -> Result<Self, NotAColour> {
        let written: Rgb = text.parse()?;
        Ok(Self {
            light: written.moved_towards(Rgb(0, 0, 0), LIGHT_SURFACE),
            dark: written.moved_towards(Rgb(0xff, 0xff, 0xff), DARK_SURFACE),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rgb(u8, u8, u8);

impl Rgb {
    /// The nearest mix of this colour and `pole` that can be read on `surface`.
    fn moved_towards(self, pole: Rgb, surface: Rgb) -> Rgb {
        (0..=STEPS).map(|step| self.mixed(pole, step)).find(|c| contrast(*c, surface) >= CONTRAST_MIN).unwrap_or(pole)
    }

    fn mixed(self, other: Rgb, percent: u8) -> Rgb {
        let mix = |a: u8, b: u8| {
            let sum = u32::from(a) * u32::from(STEPS - percent) + u32::from(b) * u32::from(percent);
            u8::try_from(sum / u32::from(STEPS)).unwrap_or(u8::MAX)
        };
        Rgb(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }

    /// Relative luminance, WCAG 2.2.
    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }
}

impl FromStr for Rgb {
    type Err = NotAColour;

    fn from_str(text: &str) -> Result<Self, NotAColour> {
        let digits = text
            .strip_prefix('#')
            .filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()))
            .ok_or(NotAColour)?;
        let channel = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| NotAColour);
        Ok(Rgb(channel(0)?, channel(2)?, channel(4)?))
    }
}

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

fn contrast(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (a.luminance(), b.luminance());
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}
