//! Groups of checks: what a check says about a system, and so when it is asked.

/// Whether the system is installed as it should be.
pub const INSTALLATION: &str = "installation";
/// Whether it does what it is for.
pub const FUNCTION: &str = "function";
/// Whether it does so fast enough: figures with a source.
pub const PERFORMANCE: &str = "performance";
/// Whether it works again, with its data, after something was put back.
pub const RECOVERY: &str = "recovery";
/// Logs, alarms and error messages.
pub const LOGS: &str = "logs";

/// Every group, in the order of the documentation.
pub const WORDS: &[&str] = &[INSTALLATION, FUNCTION, PERFORMANCE, RECOVERY, LOGS];

/// The groups of a check that names none: it is asked whenever the system must work.
pub const DEFAULT: &[&str] = &[INSTALLATION, FUNCTION, RECOVERY];
