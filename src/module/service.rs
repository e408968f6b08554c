//! `service`: a unit of systemd.

use super::{Change, Diff, Module, ModuleError, Outcome, args::Args, error, registered, shell};
use crate::document::{Field, Kind as Wants, Shape};
use crate::model::{Answer, Script, Value, script::quote};

const STATES: &[&str] = &["started", "stopped", "restarted", "reloaded"];

pub(super) const SHAPE: Shape = Shape::new(
    "service",
    "a unit of systemd",
    &[
        Field::required("name", Wants::Text, "the unit; `.service` may be left out"),
        Field::optional(
            "state",
            Wants::Word(STATES),
            "started, stopped, restarted or reloaded; the last two always act",
        ),
        Field::optional("enabled", Wants::Bool, "whether it starts with the server"),
    ],
);

pub(super) struct Service {
    name: String,
    state: Option<&'static str>,
    enabled: Option<bool>,
}

/// The unit as it is.
#[derive(Default)]
struct Unit {
    load: String,
    active: String,
    file: String,
    stale: bool,
}

impl Unit {
    fn runs(&self) -> bool {
        matches!(self.active.as_str(), "active" | "reloading")
    }

    /// Whether it starts with the server; nothing where that cannot be chosen: a static or generated unit
    /// has nothing to enable, and nothing to disable.
    fn enabled(&self) -> Option<bool> {
        match self.file.as_str() {
            "static" | "generated" | "indirect" | "transient" => None,
            file => Some(matches!(file, "enabled" | "alias")),
        }
    }
}

impl Service {
    pub fn parse(args: &Args<'_>) -> Result<Self, ModuleError> {
        let name = args.required("name")?;
        let good = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
        if name.is_empty() || name.starts_with('-') || name.len() > 255 || !name.chars().all(good) {
            return Err(args.wrong("name", "must be the name of a unit"));
        }
        let service = Self { name, state: args.choice("state", STATES)?, enabled: args.flag("enabled")? };
        if service.state.is_none() && service.enabled.is_none() {
            return Err(ModuleError::Missing { module: args.module, key: "state".to_owned() });
        }
        Ok(service)
    }

    fn read(&self, text: &str) -> Result<Unit, ModuleError> {
        let mut unit = Unit::default();
        for (key, value) in shell::lines(text) {
            match key {
                "LoadState" => value.clone_into(&mut unit.load),
                "ActiveState" => value.clone_into(&mut unit.active),
                "UnitFileState" => value.clone_into(&mut unit.file),
                "NeedDaemonReload" => unit.stale = value == "yes",
                "systemd" => {
                    return Err(ModuleError::state(
                        "`systemctl` is not there",
                        "this module needs a server with systemd; use `command` for another init",
                    ));
                }
                _ => {}
            }
        }
        if unit.load.is_empty() || unit.active.is_empty() {
            return Err(ModuleError::Answer(super::printable(text, 200)));
        }
        Ok(unit)
    }

    /// The commands that make it so, in order.
    fn commands(&self, unit: &Unit, diff: &mut Diff) -> Vec<String> {
        let name = quote(&self.name);
        let mut commands = Vec::new();
        if unit.stale {
            diff.note("the unit's definition changed: systemd reads it again");
        }
        if let Some(wanted) = self.enabled.filter(|wanted| unit.enabled().is_some_and(|is| is != *wanted)) {
            let from = if unit.file.is_empty() { "none" } else { &unit.file };
            diff.attribute("enabled", from, wanted);
            commands.push(format!("systemctl {} -- {name}", if wanted { "enable" } else { "disable" }));
        }
        let (verb, runs) = match self.state {
            Some("started") if !unit.runs() => ("start", true),
            Some("stopped")
                if unit.runs() || matches!(unit.active.as_str(), "activating" | "deactivating") =>
            {
                ("stop", false)
            }
            Some("restarted") => ("restart", true),
            // A unit that does not run has nothing to read again: it is started.
            Some("reloaded") => ("reload-or-restart", true),
            _ => return commands,
        };
        diff.attribute("state", &unit.active, if runs { "active" } else { "inactive" });
        diff.note(format!("systemctl {verb} {}", self.name));
        commands.push(format!("systemctl {verb} -- {name} || explain"));
        if runs {
            // A simple unit counts as started before its program has had time to fail.
            commands.push(format!("sleep 1\nsystemctl is-active --quiet -- {name} || explain"));
        }
        commands
    }
}

impl Module for Service {
    fn probe(&self) -> Option<Script> {
        Some(Script(format!(
            "command -v systemctl >/dev/null || {{ echo systemd=no; exit 0; }}\n\
             systemctl show -p LoadState -p ActiveState -p UnitFileState -p NeedDaemonReload -- {}\n",
            quote(&self.name)
        )))
    }

    fn change(&self, answer: Option<&Answer>) -> Result<Outcome, ModuleError> {
        let unit = self.read(&error::probed(answer)?.text())?;
        let missing = unit.load == "not-found";
        let wanted = self.enabled == Some(true) || !matches!(self.state, None | Some("stopped"));
        if unit.load == "masked" && wanted {
            return Err(ModuleError::state(
                format!("the unit `{}` is masked", self.name),
                format!("run `systemctl unmask {}` if that was not meant", self.name),
            ));
        }
        let value = |changed| {
            registered(changed, [("name", self.name.as_str().into()), ("was", unit.active.as_str().into())])
        };
        if missing && !wanted {
            return Ok(Outcome::Unchanged(value(false)));
        }
        let mut diff = Diff::default();
        let commands = self.commands(&unit, &mut diff);
        if diff.is_empty() {
            return Ok(Outcome::Unchanged(value(false)));
        }
        let reload = if unit.stale { "systemctl daemon-reload\n" } else { "" };
        // An earlier step may have brought the unit's file just now.
        let fresh = format!(
            "[ \"$(systemctl show -p NeedDaemonReload --value -- {name})\" != yes ] || systemctl daemon-reload\n",
            name = quote(&self.name)
        );
        let script = format!(
            "{}explain() {{ systemctl status --no-pager -n 20 -- {} >&2 || :; fail \"the unit did not do as told\"; }}\n{}{}\n",
            shell::CHANGE,
            quote(&self.name),
            if reload.is_empty() { &fresh } else { reload },
            commands.join("\n"),
        );
        let verb = self.state.unwrap_or("enabled or disabled");
        let mut change = Change::new(format!("service {} {verb}", self.name), diff, script);
        if missing {
            change.lacks.push(format!("the unit `{}`", self.name));
        }
        Ok(Outcome::Change(change))
    }

    fn result(&self, answer: &Answer) -> Result<Value, ModuleError> {
        error::succeeded(answer)?;
        Ok(registered(true, [("name", self.name.as_str().into())]))
    }
}
