//! What a form gives back when it is shown again.

/// A field's value and what is wrong with it. An empty error means that nothing is.
#[derive(Clone, Debug, Default)]
pub struct Field {
    pub value: String,
    pub error: String,
}

impl Field {
    pub fn filled(value: impl Into<String>) -> Self {
        Self { value: value.into(), error: String::new() }
    }

    /// A value that was not accepted, with a sentence on what to write instead.
    pub fn refused(value: impl Into<String>, error: impl Into<String>) -> Self {
        Self { value: value.into(), error: error.into() }
    }
}

/// One option of a select, radio group or list of checkboxes.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    pub value: String,
    pub label: String,
    /// A line under the label; selects do not show it.
    pub hint: String,
    pub selected: bool,
}
