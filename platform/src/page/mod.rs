//! How every page looks: layouts, components, stylesheet, words, and the answer that carries them.
//!
//! A room writes its `*.html` beside its code, extends `layout.html` (console), `plain.html`
//! (sign-in and the like), `public.html` (forwardable) and fills a struct whose first field is
//! `chrome: Chrome`. What must always hold:
//!
//! - Pages work without JavaScript; the few modules in `assets/` only add comfort.
//! - Nothing inline: no style attributes, no handlers. What [`policy`] forbids is not used. [WEB-1]
//! - Every word a person reads comes from the one catalogue, [`words`]; a test finds a missing or unused key.
//! - A page is never stored by a cache; an asset is stored for ever, because its name holds its hash.
//! - A brand's accent is moved in lightness until text in it can be read ([`Accent`]).

pub mod assets;
mod brand;
pub mod chart;
mod chrome;
mod console;
mod disclosure;
mod form;
pub mod graph;
mod nav;
mod problem;
mod render;
mod time;
pub mod usage;
pub mod words;

pub use brand::{Accent, Brand, NotAColour};
pub use chrome::{Chrome, Flash, FlashKind, SignedIn, Visit, Workspace, WorkspaceLink};
pub use console::console;
pub use disclosure::{Disclosure, SecurityTxt};
pub use form::{Choice, Field};
pub use nav::{ACCOUNT, NavEntry, NavGroup, NavItem, OPERATOR, nav};
pub use problem::ProblemPage;
pub use render::{Nonce, policy, render, render_asking, render_posting_to, render_with};
pub use time::{ago, day, exact, iso};
