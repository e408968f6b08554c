//! `user`: an account of the server.

use super::{Change, Diff, Module, ModuleError, Outcome, account, args::Args, error, registered, shell};
use crate::document::{Field, Kind as Wants, Shape};
use crate::model::{Answer, Script, script::quote};
use std::collections::BTreeSet;

const STATES: &[&str] = &["present", "absent"];

pub(super) const SHAPE: Shape = Shape::new(
    "user",
    "an account of the server",
    &[
        Field::required("name", Wants::Text, "its name"),
        Field::optional(
            "state",
            Wants::Word(STATES),
            "present (default) or absent; files of an account that goes stay",
        ),
        Field::optional("uid", Wants::Integer(0, 0xffff_fffe), "its number"),
        Field::optional("group", Wants::Text, "its primary group, which must be there"),
        Field::optional("groups", Wants::Texts, "its further groups"),
        Field::optional("exactly", Wants::Bool, "it leaves groups that `groups` does not name"),
        Field::optional("home", Wants::ServerPath, "its home folder"),
        Field::optional(
            "create_home",
            Wants::Bool,
            "a new account's home folder is made (true when left out, false for `system`)",
        ),
        Field::optional("shell", Wants::ServerPath, "its login shell"),
        Field::optional("comment", Wants::Text, "its full name").in_argv(),
        Field::optional(
            "system",
            Wants::Bool,
            "a new account gets a number of the system's range and no ageing",
        ),
        Field::optional(
            "password_hash",
            Wants::Text,
            "the hash of its password as in /etc/shadow; travels on standard input",
        ),
    ],
);

pub(super) struct User {
    name: String,
    absent: bool,
    uid: Option<i64>,
    group: Option<String>,
    groups: Option<BTreeSet<String>>,
    exactly: bool,
    home: Option<String>,
    create_home: bool,
    shell: Option<String>,
    comment: Option<String>,
    system: bool,
    password_hash: Option<String>,
}

/// The account as it is.
#[derive(Default)]
struct Account {
    uid: i64,
    /// Number of its primary group.
    gid: String,
    comment: String,
    home: String,
    shell: String,
    primary: String,
    groups: BTreeSet<String>,
    password_differs: bool,
}

impl User {
    pub fn parse(args: &Args<'_>) -> Result<Self, ModuleError> {
        let name = args.required("name")?;
        if !account::is_name(&name) {
            return Err(
                args.wrong("name", "must be lower-case letters, digits, `_`, `-` and `.`, at most 32")
            );
        }
        let groups: Option<BTreeSet<_>> = args.words("groups")?.map(|words| words.into_iter().collect());
        if groups.iter().flatten().any(|group| !account::is_name(group)) {
            return Err(args.wrong("groups", "must be names of groups"));
        }
        let plain = |key: &str| -> Result<Option<String>, ModuleError> {
            let text = args.text(key)?;
            match text.as_ref().is_some_and(|text| text.contains([':', '\n', '\r'])) {
                true => Err(args.wrong(key, "must not hold `:` or line ends")),
                false => Ok(text),
            }
        };
        let system = args.flag("system")?.unwrap_or(false);
        Ok(Self {
            name,
            absent: args.choice("state", STATES)? == Some("absent"),
            uid: args.number("uid", 0, 0xffff_fffe)?,
            group: args.account("group")?,
            groups,
            exactly: args.flag("exactly")?.unwrap_or(false),
            home: args.path("home")?,
            create_home: args.flag("create_home")?.unwrap_or(!system),
            shell: args.path("shell")?,
            comment: plain("comment")?,
            system,
            password_hash: plain("password_hash")?,
        })
    }

    fn read(&self, text: &str) -> Result<Option<Account>, ModuleError> {
        let unreadable = || ModuleError::Answer(super::printable(text, 200));
        let mut seen = Account::default();
        let mut there = None;
        for (key, value) in shell::lines(text) {
            match key {
                "passwd" if value.is_empty() => there = Some(false),
                "passwd" => {
                    let fields: Vec<_> = value.split(':').collect();
                    let [_, _, uid, gid, comment, home, shell] = fields[..] else { return Err(unreadable()) };
                    seen.uid = uid.parse().map_err(|_| unreadable())?;
                    gid.clone_into(&mut seen.gid);
                    comment.clone_into(&mut seen.comment);
                    home.clone_into(&mut seen.home);
                    shell.clone_into(&mut seen.shell);
                    there = Some(true);
                }
                "primary" => value.clone_into(&mut seen.primary),
                "group" => {
                    seen.groups.insert(value.to_owned());
                }
                "password" => seen.password_differs = value != "same",
                _ => {}
            }
        }
        seen.groups.remove(&seen.primary);
        Ok(there.ok_or_else(unreadable)?.then_some(seen))
    }

    /// Options of `useradd` and `usermod` for what differs.
    fn options(&self, seen: Option<&Account>, diff: &mut Diff) -> Vec<String> {
        let mut options = Vec::new();
        let old = |value: fn(&Account) -> String| seen.map_or_else(|| "none".to_owned(), value);
        let uid = self.uid.map(|uid| uid.to_string());
        let table: [(&str, &str, &Option<String>, String); 5] = [
            ("uid", "-u", &uid, old(|seen| seen.uid.to_string())),
            ("group", "-g", &self.group, old(|seen| seen.primary.clone())),
            ("home", "-d", &self.home, old(|seen| seen.home.clone())),
            ("shell", "-s", &self.shell, old(|seen| seen.shell.clone())),
            ("comment", "-c", &self.comment, old(|seen| seen.comment.clone())),
        ];
        for (name, option, wanted, old) in table {
            // A group can be named by its number.
            let same_number = option == "-g" && seen.is_some_and(|seen| wanted.as_ref() == Some(&seen.gid));
            if same_number {
                continue;
            }
            if let Some(wanted) = wanted.as_ref().filter(|wanted| seen.is_none() || **wanted != old) {
                diff.attribute(name, old, wanted);
                options.extend([option.to_owned(), wanted.clone()]);
            }
        }
        let none = BTreeSet::new();
        let have = seen.map_or(&none, |seen| &seen.groups);
        if let Some(groups) = &self.groups {
            let wanted: BTreeSet<_> =
                if self.exactly { groups.clone() } else { groups.union(have).cloned().collect() };
            let primary = self.group.as_ref().or(seen.map(|seen| &seen.primary));
            let wanted: Vec<_> = wanted.into_iter().filter(|group| Some(group) != primary).collect();
            if !wanted.iter().eq(have.iter()) {
                let list = |groups: Vec<&String>| {
                    if groups.is_empty() { "none".to_owned() } else { command_list(&groups) }
                };
                diff.attribute("groups", list(have.iter().collect()), list(wanted.iter().collect()));
                options.extend(["-G".to_owned(), wanted.join(",")]);
            }
        }
        options
    }

    fn password(&self, seen: Option<&Account>, diff: &mut Diff) -> String {
        let Some(hash) = &self.password_hash else { return String::new() };
        if seen.is_some_and(|seen| !seen.password_differs) {
            return String::new();
        }
        diff.note("password: new");
        let line = format!("{}:{hash}\n", self.name);
        format!("{{\n{}}} | chpasswd -e\n", shell::emit_bytes(line.as_bytes()))
    }
}

fn command_list(groups: &[&String]) -> String {
    groups.iter().map(|group| group.as_str()).collect::<Vec<_>>().join(",")
}

impl Module for User {
    fn probe(&self) -> Option<Script> {
        let name = quote(&self.name);
        let mut text = account::entry("passwd", &self.name);
        text.push_str(&format!(
            "printf 'passwd=%s\\n' \"$e\"\nif [ -n \"$e\" ]; then\nprintf 'primary=%s\\n' \"$(id -gn {name})\"\n\
             for g in $(id -G {name}); do\n{}  e=${{e%%:*}}; printf 'group=%s\\n' \"${{e:-$g}}\"\ndone\n",
            account::group_of_number("g"),
        ));
        if let Some(hash) = &self.password_hash {
            text.push_str(&account::entry("shadow", &self.name));
            let hash = format!("'{}'", hash.replace('\'', r"'\''"));
            text.push_str(&format!(
                "e=${{e#*:}}\nif [ \"${{e%%:*}}\" = {hash} ]; then echo password=same; else echo password=differs; fi\n"
            ));
        }
        text.push_str("fi\n");
        Some(Script(text))
    }

    fn change(&self, answer: Option<&Answer>) -> Result<Outcome, ModuleError> {
        let seen = self.read(&error::probed(answer)?.text())?;
        let name = quote(&self.name);
        let mut diff = Diff::default();
        let mut script = shell::CHANGE.to_owned();
        script.push_str(
            "command -v useradd >/dev/null || fail 'useradd is missing; it is part of the package passwd'\n",
        );
        match (&seen, self.absent) {
            (None, true) => {}
            (Some(_), true) => {
                diff.attribute(&self.name, "an account", "nothing");
                script.push_str(&format!("userdel {name}\n"));
            }
            (seen, false) => {
                if seen.is_none() {
                    diff.attribute(&self.name, "nothing", "an account");
                }
                let options = self.options(seen.as_ref(), &mut diff);
                let options: String = options.iter().map(|word| format!(" {}", quote(word))).collect();
                if seen.is_none() {
                    let system = if self.system { " -r" } else { "" };
                    let home = if self.create_home { " -m" } else { " -M" };
                    script.push_str(&format!("useradd{system}{home}{options} {name}\n"));
                } else if !options.is_empty() {
                    script.push_str(&format!("usermod{options} {name}\n"));
                }
                script.push_str(&self.password(seen.as_ref(), &mut diff));
            }
        }
        if diff.is_empty() {
            return Ok(Outcome::Unchanged(registered(false, [("name", self.name.as_str().into())])));
        }
        Ok(Outcome::Change(Change::new(format!("account {}", self.name), diff, script)))
    }
}
