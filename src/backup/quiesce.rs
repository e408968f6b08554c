//! Stops what must stand still, and starts it again.

use super::Quiesce;
use crate::model::script::{command_line, quote};
use crate::model::{RunAs, Script};
use std::fmt::Write as _;

impl Quiesce {
    /// As whom both scripts run.
    #[must_use]
    pub fn run_as(&self) -> RunAs {
        self.as_user.clone().map_or(RunAs::Root, RunAs::User)
    }

    /// Stops the services in order and waits until they stand still; what stands still already is
    /// no error.
    #[must_use]
    pub fn stop_script(&self) -> Script {
        let mut text = String::from("set -u\n");
        for service in &self.services {
            let unit = quote(service);
            let _ = writeln!(
                text,
                "systemctl stop -- {unit} || exit 1\n\
                 if systemctl is-active --quiet -- {unit}; then echo {unit} 'is still active' >&2; exit 1; fi"
            );
        }
        if let Some(words) = &self.stop {
            let _ = writeln!(text, "{} </dev/null || exit 1", command_line(words));
        }
        Script::new(text)
    }

    /// Starts everything again, in the opposite order; goes on after a failure and reports it.
    #[must_use]
    pub fn start_script(&self) -> Script {
        let mut text = String::from("set -u\nstatus=0\n");
        if let Some(words) = &self.start {
            let _ = writeln!(text, "{} </dev/null || status=1", command_line(words));
        }
        for service in self.services.iter().rev() {
            let unit = quote(service);
            let _ = writeln!(
                text,
                "systemctl start -- {unit} || status=1\n\
                 systemctl is-active --quiet -- {unit} || {{ echo {unit} 'is not active' >&2; status=1; }}"
            );
        }
        text.push_str("exit $status\n");
        Script::new(text)
    }
}
