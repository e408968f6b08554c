//! Which texts of a procedure's journal are free; the others are names that replay goes by, or signed.

use super::Event;
use crate::model::FreeText;

impl FreeText for Event {
    fn free_text(&mut self, each: &mut dyn FnMut(&mut String)) {
        match self {
            Self::Answered { reason, fields, .. } => {
                reason.free_text(each);
                fields.values_mut().for_each(|text| text.free_text(each));
            }
            Self::ExternalOpened { reference, .. } => reference.free_text(each),
            Self::ExternalReturned { reason, .. }
            | Self::Excepted { reason, .. }
            | Self::Cancelled { reason, .. } => reason.free_text(each),
            Self::ActivityOpened { .. }
            | Self::StartAllowed { .. }
            | Self::CallStarted { .. }
            | Self::CallEnded { .. }
            | Self::StagedRunEnded { .. }
            | Self::Measured { .. }
            | Self::Performed { .. }
            | Self::LimitReached { .. }
            | Self::PeopleRecorded { .. }
            | Self::Completed { .. }
            | Self::Reminded { .. }
            | Self::DeadlinePassed { .. }
            | Self::Closed { .. }
            | Self::Unknown => {}
        }
    }
}
