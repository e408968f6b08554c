//! Why an event cannot follow.

use super::{ActivityId, FieldFault, field};
use crate::model::{PersonName, Role};

/// Why an event is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing follows an end.
    #[error("the run has ended")]
    Ended,
    /// The procedure has no beginning.
    #[error("the procedure has no activity of kind `start`, or the entry `{0}` does not exist")]
    NoEntry(String),
    /// The procedure calls a system's playbooks, and nobody said which system.
    #[error("the procedure calls playbooks of a system, and the run names none")]
    NoSystem,
    /// The event is about another activity than the open one.
    #[error("`{0}` is not the open activity")]
    NotOpen(ActivityId),
    /// The event does not belong to what the activity is.
    #[error("`{activity}` does not take `{event}` now")]
    Misplaced {
        /// The activity.
        activity: ActivityId,
        /// The event's name.
        event: String,
    },
    /// A role that has nothing to say here.
    #[error("`{role}` is not responsible for `{activity}`")]
    Role {
        /// The activity.
        activity: ActivityId,
        /// The role.
        role: Role,
    },
    /// The person does not have the role, or is a machine.
    #[error("`{person}` does not have the role `{role}`")]
    Person {
        /// The person.
        person: PersonName,
        /// The role.
        role: Role,
    },
    /// An answer at a gate by whoever asked for the run.
    #[error(
        "`{person}` asked for this, and nobody approves what they asked for: `{activity}` waits for others"
    )]
    OwnRequest {
        /// The gate.
        activity: ActivityId,
        /// Who asked.
        person: PersonName,
    },
    /// A second signature of the same role or person.
    #[error("`{0}` has signed already")]
    Twice(String),
    /// No signature where the procedure asks for one.
    #[error("`{0}` must be signed")]
    Unsigned(ActivityId),
    /// An answer that leads nowhere.
    #[error("this answer does not exist at `{0}`")]
    Answer(ActivityId),
    /// A decision without a reason.
    #[error("a reason is needed at `{0}`")]
    Reason(ActivityId),
    /// Too few files of evidence.
    #[error("`{activity}` needs {wanted} files of evidence")]
    Evidence {
        /// The activity.
        activity: ActivityId,
        /// How many.
        wanted: usize,
    },
    /// Fields that are missing, unknown or not of their kind.
    #[error("`{activity}`: {}", field::sentence(.faults))]
    Fields {
        /// The activity.
        activity: ActivityId,
        /// What is wrong, all of it.
        faults: Vec<FieldFault>,
    },
    /// Nothing was searched.
    #[error("`{0}` is answered after a search, and none was made")]
    Search(ActivityId),
    /// An answer that does not name the documents that it stands for.
    #[error("`{0}` is answered without naming the documents that were made for it")]
    Documents(ActivityId),
    /// Yes, while what the question is about has not ended well.
    #[error("`{activity}` cannot be answered with yes: `{of}` has not ended well")]
    NotGood {
        /// The activity.
        activity: ActivityId,
        /// What has not ended well.
        of: ActivityId,
    },
    /// An exception for what must never be left out.
    #[error("`{0}` cannot be excepted")]
    NoException(ActivityId),
    /// Another route than the one that follows from what is recorded.
    #[error("`{0}` does not follow from what is recorded")]
    Route(String),
    /// Closing while something is missing.
    #[error("`{0}` is missing")]
    Missing(ActivityId),
    /// An event of a later version.
    #[error("the event is of a later version")]
    Unknown,
}
