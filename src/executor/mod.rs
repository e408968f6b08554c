//! Performs what a run decides, and records what came of it.
//!
//! The loop is in [`drive`]: decide, append, perform, append, decide again. A failed append stops
//! the run. What goes wrong on a server is an event; what goes wrong here is an [`ExecutorError`].
//! Knows nothing of arguments, terminals or wording for people.

mod approach;
mod catalogue;
mod change;
mod copy;
mod drive;
mod error;
mod evidence;
mod finish;
pub mod fleet;
mod gate;
mod intake;
pub mod interrupt;
pub mod journal;
mod loaded;
mod look;
mod measure;
mod open;
pub mod predict;
mod presence;
pub mod procedure;
mod restore;
mod retention;
mod secrets;
mod services;
mod settle;
pub mod sheet;
mod site;
mod stage;
mod verify;
mod work;

pub use approach::Approach;
pub use catalogue::catalogue;
pub use drive::{Patience, code, drive, resume};
pub use error::ExecutorError;
pub use evidence::evidence;
pub use gate::recorded;
pub use intake::{ProjectFiles, Wanted, take_in, take_in_system, trouble};
pub use journal::{Journal, Watch, load};
pub use loaded::{Loaded, documents, files, release};
pub use open::{Opening, Staged, open, plan};
pub use predict::{Forecast, Shown, ShownStep, forecast};
pub use site::{Caller, Site, options};
pub use stage::{Step, is_reached, lead};
pub use verify::verify;
