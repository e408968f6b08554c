//! `package`: Debian packages by apt.

use super::{
    Change, Content, Diff, Module, ModuleError, Outcome, Place, args::Args, content::content_of, error,
    registered, shell,
};
use crate::document::{Field, Kind as Wants, Shape};
use crate::model::{Answer, BlobRef, Digest, Script, Value, script::command_line, script::quote};
use std::collections::BTreeMap;

const STATES: &[&str] = &["present", "absent", "latest"];
/// How long apt waits for another's lock, in seconds.
const LOCK_SECONDS: u32 = 600;
/// How long fetched lists count as new, in minutes.
const LISTS_MINUTES: u32 = 60;
/// Where the server remembers which package files were installed: a file for each digest.
const MARKS: &str = "/var/lib/esclusa/packages";

pub(super) const SHAPE: Shape = Shape::new(
    "package",
    "Debian packages, by apt, without a question; runs once",
    &[
        Field::optional("name", Wants::Texts, "one package or several, `name` or `name:architecture`"),
        Field::optional(
            "files",
            Wants::Either(&[Wants::ProjectFile, Wants::List(&Wants::ProjectFile)]),
            "package files (.deb) of the project or its artifacts, instead of `name`",
        ),
        Field::optional(
            "state",
            Wants::Word(STATES),
            "present (default), absent, or latest: the newest that apt offers",
        ),
        Field::optional("version", Wants::Text, "exactly this version; for one name"),
        Field::optional(
            "refresh",
            Wants::Bool,
            "fetch the lists of packages first, when something is to be done",
        ),
        Field::optional(
            "recommends",
            Wants::Bool,
            "also install what a package recommends (false when left out)",
        ),
        Field::optional("downgrade", Wants::Bool, "an older version may take the place of a newer one"),
        Field::optional("purge", Wants::Bool, "with `absent`: configuration files go as well"),
    ],
)
.one_of(&[&["name", "files"]])
.short("name");

pub(super) struct Package {
    names: Vec<String>,
    files: Vec<File>,
    state: &'static str,
    version: Option<String>,
    refresh: bool,
    recommends: bool,
    downgrade: bool,
    purge: bool,
}

struct File {
    src: String,
    content: Content,
    digest: Digest,
}

/// What the probe told: packages by name, and whether each file's package is installed, by digest.
type Answered = (BTreeMap<String, Known>, BTreeMap<String, bool>);

/// A package as dpkg and apt know it.
#[derive(Default)]
struct Known {
    status: String,
    version: String,
    candidate: String,
}

impl Known {
    fn installed(&self) -> bool {
        self.status == "installed"
    }
}

fn is_name(text: &str) -> bool {
    let (name, architecture) = text.split_once(':').unwrap_or((text, "all"));
    let good = |text: &str, more: &str| {
        text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c))
    };
    name.len() <= 128 && good(name, "+-.") && good(architecture, "-")
}

impl Package {
    pub fn parse(args: &Args<'_>, place: &Place<'_>) -> Result<Self, ModuleError> {
        args.at_most_one(&["name", "files"])?;
        args.at_most_one(&["files", "version"])?;
        let names = args.words("name")?.unwrap_or_default();
        if let Some(name) = names.iter().find(|name| !is_name(name)) {
            return Err(args
                .wrong("name", format!("must be names of packages, not `{}`", super::printable(name, 64))));
        }
        let files = args.words("files")?.unwrap_or_default();
        if names.is_empty() && files.is_empty() {
            return Err(ModuleError::Missing { module: args.module, key: "name".to_owned() });
        }
        let state = args.choice("state", STATES)?.unwrap_or("present");
        if state != "present" && !files.is_empty() {
            return Err(args.wrong("state", "must be `present` beside `files`"));
        }
        let version = args.text("version")?;
        if version.is_some() && (names.len() != 1 || state != "present") {
            return Err(args.wrong("version", "stands beside one name and `state: present`"));
        }
        let good = |c: char| c.is_ascii_alphanumeric() || ".+-:~".contains(c);
        if version.as_ref().is_some_and(|text| text.is_empty() || text.len() > 128 || !text.chars().all(good))
        {
            return Err(args.wrong("version", "must be a version of a Debian package"));
        }
        let purge = args.flag("purge")?.unwrap_or(false);
        if purge && state != "absent" {
            return Err(args.wrong("purge", "stands beside `state: absent` only"));
        }
        Ok(Self {
            names,
            files: files.into_iter().map(|src| File::read(src, place)).collect::<Result<_, _>>()?,
            state,
            version,
            refresh: args.flag("refresh")?.unwrap_or(false),
            recommends: args.flag("recommends")?.unwrap_or(false),
            downgrade: args.flag("downgrade")?.unwrap_or(false),
            purge,
        })
    }

    fn read(&self, text: &str) -> Result<Answered, ModuleError> {
        let mut packages: BTreeMap<String, Known> = BTreeMap::new();
        let mut files = BTreeMap::new();
        for (key, value) in shell::lines(text) {
            let words: Vec<_> = value.split('\t').collect();
            match (key, &words[..]) {
                ("dpkg", ["no"]) => {
                    return Err(ModuleError::state(
                        "`dpkg` is not there",
                        "this module needs Debian or one of its kind",
                    ));
                }
                ("package", [name, status, version]) => {
                    let known = packages.entry((*name).to_owned()).or_default();
                    (*status).clone_into(&mut known.status);
                    (*version).clone_into(&mut known.version);
                }
                ("candidate", [name, version]) if *version != "(none)" => {
                    (*version).clone_into(&mut packages.entry((*name).to_owned()).or_default().candidate);
                }
                ("file", [digest, answer]) => {
                    files.insert((*digest).to_owned(), *answer == "installed");
                }
                _ => {}
            }
        }
        let complete = self.names.iter().all(|name| packages.contains_key(name))
            && self.files.iter().all(|file| files.contains_key(&file.digest.to_string()));
        if complete { Ok((packages, files)) } else { Err(ModuleError::Answer(super::printable(text, 200))) }
    }

    /// Whether what apt offers is to be asked anew: `refresh` holds for [`LISTS_MINUTES`].
    fn stale(&self, fresh: bool) -> bool {
        self.refresh && !fresh
    }

    /// What `apt-get install` or `remove` is told about `name`, if anything differs.
    fn word(&self, name: &str, known: &Known, fresh: bool, diff: &mut Diff) -> Option<String> {
        let from = if known.installed() { known.version.as_str() } else { "none" };
        let offered =
            if self.stale(fresh) || known.candidate.is_empty() { "the newest" } else { &known.candidate };
        match self.state {
            "absent" => {
                let remains = self.purge && known.status == "config-files";
                if !known.installed() && !remains {
                    return None;
                }
                diff.attribute(name, if remains { "configuration files" } else { from }, "none");
                Some(name.to_owned())
            }
            "latest" if known.installed() && !self.stale(fresh) && known.version == known.candidate => None,
            "latest" => {
                diff.attribute(name, from, offered);
                Some(name.to_owned())
            }
            _ => match &self.version {
                Some(version) if known.installed() && known.version == *version => None,
                Some(version) => {
                    diff.attribute(name, from, version);
                    Some(format!("{name}={version}"))
                }
                None if known.installed() => None,
                None => {
                    diff.attribute(name, from, offered);
                    Some(name.to_owned())
                }
            },
        }
    }

    fn script(&self, words: &[String], files: &[&File]) -> String {
        let mut text =
            format!("{}umask 022\n{APT}", shell::CHANGE).replace("@LOCK@", &LOCK_SECONDS.to_string());
        if self.refresh {
            text.push_str("apt update || fail 'the lists of packages cannot be fetched'\n");
            text.push_str(&format!("mkdir -p {MARKS}\n: >{MARKS}/lists\n"));
        }
        let mut options = vec!["--no-remove"];
        if !self.recommends {
            options.push("--no-install-recommends");
        }
        if self.downgrade {
            options.push("--allow-downgrades");
        }
        match self.state {
            "absent" if self.purge => text.push_str(&format!("apt purge {}\n", command_line(words))),
            "absent" => text.push_str(&format!("apt remove {}\n", command_line(words))),
            _ if files.is_empty() => {
                text.push_str(&format!("apt install {} {}\n", options.join(" "), command_line(words)));
            }
            _ => text.push_str(&install_files(files, &options.join(" "))),
        }
        text
    }
}

impl File {
    fn read(src: String, place: &Place<'_>) -> Result<Self, ModuleError> {
        let content = content_of(place, &src)?;
        let digest = match &content {
            Content::Bytes(bytes) => Digest::of(bytes),
            Content::Blob(blob) => blob.digest,
        };
        Ok(Self { src, content, digest })
    }
}

/// apt without a question: configuration files that were edited stay, services restart as packages
/// say, and another's lock is waited for. Lists have a lock of their own that apt does not wait for.
const APT: &str = r#"export DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical LC_ALL=C
export NEEDRESTART_SUSPEND=1 NEEDRESTART_MODE=l APT_LISTCHANGES_FRONTEND=none UCF_FORCE_CONFFOLD=1
command -v apt-get >/dev/null || fail 'apt-get is missing'
apt() {
  if [ "$1" = update ]; then set -- -o APT::Update::Error-Mode=any update; fi
  n=0
  while :; do
    s=0
    apt-get -q -y -o DPkg::Lock::Timeout=@LOCK@ -o Dpkg::Options::=--force-confdef \
      -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 -o APT::Color=0 "$@" </dev/null || s=$?
    n=$((n + 1))
    case "$*" in *update) ;; *) return $s ;; esac
    if [ $s = 0 ] || [ $n -ge 5 ]; then return $s; fi
    sleep 3
  done
}
"#;

/// The files are kept, the last one of each package: no archive has them, and a backup that is taken
/// before the next update needs them.
fn install_files(files: &[&File], options: &str) -> String {
    let mut text = String::from(
        "t=$(mktemp -d)\nchmod 755 \"$t\"\ntrap 'rm -rf -- \"$t\"' EXIT\ntrap 'exit 143' HUP INT TERM\n",
    );
    let mut marks = format!("mkdir -p {MARKS}\n");
    for (at, file) in files.iter().enumerate() {
        text.push_str(&format!("{{\n{}}} >\"$t/{at}.deb\"\n", shell::emit(&file.content)));
        marks.push_str(&format!(
            "dpkg-deb -W --showformat='${{Package}}\\t${{Architecture}}\\t${{Version}}\\n' \"$t/{at}.deb\" >\"$t/mark\"\n\
             IFS=$(printf '\\t') read -r n c v <\"$t/mark\"\n\
             rm -f -- \"{MARKS}/${{n}}_\"*\"_$c.deb\"\n\
             mv -f \"$t/{at}.deb\" \"{MARKS}/${{n}}_$(printf %s \"$v\" | sed 's/:/%3a/g')_$c.deb\"\n\
             mv -f \"$t/mark\" {MARKS}/{}\n",
            file.digest
        ));
    }
    text.push_str(&format!("apt install {options} \"$t\"/*.deb\n{marks}"));
    text
}

impl Module for Package {
    fn probe(&self) -> Option<Script> {
        let mut text =
            String::from("command -v dpkg-query >/dev/null || { echo dpkg=no; exit 0; }\nexport LC_ALL=C\n");
        if self.refresh {
            text.push_str(&format!(
                "[ -z \"$(find {MARKS}/lists -mmin -{LISTS_MINUTES} 2>/dev/null)\" ] || echo lists=fresh\n"
            ));
        }
        for name in &self.names {
            let name = quote(name);
            text.push_str(&format!(
                "l=$(dpkg-query -W -f='${{db:Status-Status}}\\t${{Version}}\\n' {name} 2>/dev/null | head -n 1) || :\n\
                 t=$(printf '\\t')\n[ -n \"$l\" ] || l=\"not-installed$t\"\nprintf 'package=%s\\t%s\\n' {name} \"$l\"\n"
            ));
            let ask = format!(
                "printf 'candidate=%s\\t%s\\n' {name} \"$(apt-cache policy {name} 2>/dev/null | awk '/^  Candidate:/ {{print $2; exit}}')\"\n"
            );
            match self.state {
                "latest" => text.push_str(&ask),
                "present" if self.version.is_none() => {
                    text.push_str(&format!("case $l in installed*) ;; *)\n{ask};; esac\n"));
                }
                _ => {}
            }
        }
        for file in &self.files {
            // The mark says which package the file was; dpkg says whether that is installed now.
            text.push_str(&format!(
                "a=no; t=$(printf '\\t')\nif [ -f {MARKS}/{digest} ]; then IFS=$t read -r n c v <{MARKS}/{digest} || :\n\
                 case $c in all) ;; *) n=$n:$c ;; esac\n\
                 [ \"$(dpkg-query -W -f='${{db:Status-Status}} ${{Version}}' \"$n\" 2>/dev/null)\" != \"installed $v\" ] || a=installed\nfi\n\
                 printf 'file=%s\\t%s\\n' {digest} \"$a\"\n",
                digest = file.digest
            ));
        }
        Some(Script(text))
    }

    fn change(&self, answer: Option<&Answer>) -> Result<Outcome, ModuleError> {
        let text = error::probed(answer)?.text();
        let (packages, marks) = self.read(&text)?;
        let fresh = shell::lines(&text).any(|line| line == ("lists", "fresh"));
        let mut diff = Diff::default();
        let words: Vec<String> = self
            .names
            .iter()
            .filter_map(|name| self.word(name, packages.get(name)?, fresh, &mut diff))
            .collect();
        let installed = |file: &File| marks.get(&file.digest.to_string()).copied().unwrap_or(false);
        let missing = self.files.iter().any(|file| !installed(file));
        // Files that depend on each other go to apt together, also those that are there already.
        let files: Vec<&File> = self.files.iter().filter(|_| missing).collect();
        for file in files.iter().filter(|file| !installed(file)) {
            diff.attribute(&file.src, "not installed", format!("sha256 {}", file.digest));
        }
        if diff.is_empty() {
            let version = |known: &Known| Value::Text(known.version.clone());
            let versions = packages.iter().map(|(name, known)| (name.clone(), version(known))).collect();
            return Ok(Outcome::Unchanged(registered(false, [("versions", Value::Map(versions))])));
        }
        let shown: Vec<_> =
            words.iter().map(String::as_str).chain(files.iter().map(|file| file.src.as_str())).collect();
        let verb = if self.state == "absent" { "remove" } else { "install" };
        let summary = super::printable(&format!("{verb} {}", shown.join(" ")), 300);
        let mut change = Change::new(summary, diff, self.script(&words, &files));
        change.once = true;
        change.blobs = files.iter().filter_map(|file| blob(&file.content)).collect();
        Ok(Outcome::Change(change))
    }

    fn once(&self) -> bool {
        true
    }
}

fn blob(content: &Content) -> Option<BlobRef> {
    match content {
        Content::Blob(blob) => Some(blob.clone()),
        Content::Bytes(_) => None,
    }
}
