//! Which texts of a record are free, and which are names.

use super::Value;

/// A record some of whose texts people or programs wrote as they liked.
///
/// Secrets are taken out of these. Names of servers, steps, people or backups, digests and words with a
/// meaning of their own are no free text: a record is found, compared and replayed by them, so nothing may
/// rewrite them. Each record says itself which is which, so that a new field cannot be forgotten.
pub trait FreeText {
    /// Calls `each` with every free text.
    fn free_text(&mut self, each: &mut dyn FnMut(&mut String));
}

impl FreeText for String {
    fn free_text(&mut self, each: &mut dyn FnMut(&mut String)) {
        each(self);
    }
}

impl<T: FreeText> FreeText for Option<T> {
    fn free_text(&mut self, each: &mut dyn FnMut(&mut String)) {
        if let Some(one) = self {
            one.free_text(each);
        }
    }
}

impl<T: FreeText> FreeText for Vec<T> {
    fn free_text(&mut self, each: &mut dyn FnMut(&mut String)) {
        self.iter_mut().for_each(|one| one.free_text(each));
    }
}

impl FreeText for Value {
    fn free_text(&mut self, each: &mut dyn FnMut(&mut String)) {
        match self {
            Self::Text(text) => each(text),
            Self::List(items) => items.free_text(each),
            // Keys are names that templates use.
            Self::Map(entries) => entries.values_mut().for_each(|item| item.free_text(each)),
            Self::Null | Self::Bool(_) | Self::Int(_) => {}
        }
    }
}
