//! The table of a feature, and what stands around it.

use super::dice::Dice;
use super::feature::Made;
use super::grammar;
use super::scene::Scene;

/// A table of tenants' rows.
pub(super) struct Table {
    pub(super) name: String,
    pub(super) number: usize,
}

impl Table {
    pub(super) fn new(scene: &Scene, number: usize) -> Self {
        Self { name: format!("{}.t{number}", scene.schema), number }
    }

    /// Another one, of the same feature.
    pub(super) fn beside(&self, what: &str) -> Self {
        Self { name: format!("{}_{what}", self.name), number: self.number }
    }

    pub(super) fn create(&self, scene: &Scene, more: &str) -> String {
        self.create_keyed(scene, "not null", &format!("{more}primary key (tenant_id, id)"))
    }

    pub(super) fn create_keyed(&self, scene: &Scene, null: &str, rest: &str) -> String {
        format!(
            "create table {} (tenant_id {} {null}, id uuid not null default gen_random_uuid(), title text,\n  \
             status text default 'published', amount int default 1, is_public boolean default true,\n  \
             made_at timestamptz default now(), is_hidden boolean default false, stock int default 1,\n  \
             stage text default 'new', {rest});\n",
            self.name,
            scene.type_name()
        )
    }

    /// Row security for it, and what the app may do.
    pub(super) fn guard(&self, scene: &Scene) -> String {
        format!("{}{}", self.secure(), self.grant(scene))
    }

    /// Row security for it, to which its owner is held.
    pub(super) fn secure(&self) -> String {
        let Self { name, .. } = self;
        format!("alter table {name} enable row level security;\nalter table {name} force row level security;\n")
    }

    pub(super) fn grant(&self, scene: &Scene) -> String {
        format!("grant select, insert, update, delete on {} to {};\n", self.name, scene.app())
    }

    pub(super) fn policy(&self, using: &str) -> String {
        format!("create policy p{} on {} using ({using});\n", self.number, self.name)
    }

    /// Whole, and as it should be.
    pub(super) fn sound(&self, dice: &mut Dice, scene: &Scene) -> String {
        self.sound_with(dice, scene, "")
    }

    /// The same, with columns or keys more.
    pub(super) fn sound_with(&self, dice: &mut Dice, scene: &Scene, more: &str) -> String {
        let policy = self.policy(&grammar::sound(dice, scene).sql);
        format!("{}{}{policy}", self.create(scene, more), self.guard(scene))
    }

    /// Sound, but the owner is not held.
    pub(super) fn unforced(&self, dice: &mut Dice, scene: &Scene) -> String {
        self.unforced_with(dice, scene, "")
    }

    pub(super) fn unforced_with(&self, dice: &mut Dice, scene: &Scene, more: &str) -> String {
        format!("{}alter table {} no force row level security;\n", self.sound_with(dice, scene, more), self.name)
    }

    pub(super) fn with_policy(&self, scene: &Scene, using: &str) -> Made {
        self.with_columns_and_policy(scene, "", using)
    }

    pub(super) fn with_columns_and_policy(&self, scene: &Scene, more: &str, using: &str) -> Made {
        Made::of(&self.name, format!("{}{}{}", self.create(scene, more), self.guard(scene), self.policy(using)))
    }
}

/// What only the administrator may do.
pub(super) fn by_administrator(sql: &str) -> String {
    format!("reset role;\n{sql}set role @owner@;\n")
}
