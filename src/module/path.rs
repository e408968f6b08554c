//! What is at a path: the probe that all modules about files share.

use super::{ModuleError, error, shell};
use crate::model::{Answer, Digest, script::quote};

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Absent,
    File,
    Directory,
    Link,
    Other,
}

impl Kind {
    pub fn words(self) -> &'static str {
        match self {
            Self::Absent => "nothing",
            Self::File => "a file",
            Self::Directory => "a folder",
            Self::Link => "a symbolic link",
            Self::Other => "a device, socket or pipe",
        }
    }
}

/// What is asked beyond kind, mode and owner.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ask {
    Attributes,
    /// The digest, and the text unless it has this digest or is larger.
    Content {
        unless: Option<Digest>,
        bytes_max: u64,
    },
}

/// What to do where a path is a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    Refuse,
    Follow,
    Replace,
}

impl Links {
    pub const WORDS: &'static [&'static str] = &["refuse", "follow", "replace"];
    pub const ABOUT: &'static str =
        "where the path is a symbolic link: refuse (default), follow it, or replace the link itself";

    pub fn read(args: &super::args::Args<'_>) -> Result<Self, ModuleError> {
        Ok(match args.choice("links", Self::WORDS)? {
            Some("follow") => Self::Follow,
            Some("replace") => Self::Replace,
            _ => Self::Refuse,
        })
    }
}

/// What the probe saw.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// The path; where a link was followed, what it points at.
    pub path: String,
    pub kind: Kind,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub user: String,
    pub group: String,
    pub size: u64,
    pub digest: Option<Digest>,
    pub text: Option<Vec<u8>>,
    pub target: Option<String>,
    /// `directory`, `absent`, `other` or `closed`.
    parent: String,
    /// A link was to be followed and leads nowhere.
    dangling: bool,
}

/// Shell text that tells what is at `path`.
pub(super) fn probe(path: &str, links: Links, ask: Ask) -> String {
    let mut text = shell::assign("p", path);
    if links == Links::Follow {
        text.push_str(
            r#"if [ -L "$p" ]; then
  if [ -e "$p" ]; then p=$(readlink -f -- "$p"); printf 'path='; printf %s "$p" | base64 | tr -d '\n'; echo
  else echo dangling=yes; fi
fi
"#,
        );
    }
    text.push_str(
        r#"d=${p%/*}; d=${d:-/}
if [ ! -d "$d" ]; then
  if [ -e "$d" ] || [ -L "$d" ]; then echo parent=other; else echo parent=absent; fi
elif [ ! -x "$d" ]; then echo parent=closed
else echo parent=directory; fi
k=absent
if [ -L "$p" ]; then k=link; printf 'target='; readlink -- "$p" | base64 | tr -d '\n'; echo
elif [ -f "$p" ]; then k=file
elif [ -d "$p" ]; then k=directory
elif [ -e "$p" ]; then k=other
fi
echo kind=$k
# Names can hold spaces, so each has a line of its own.
[ $k = absent ] || stat -c 'stat=%a %u %g %s
user=%U
group=%G' -- "$p"
"#,
    );
    if let Ask::Content { unless, bytes_max } = ask {
        let unless = unless.map(|digest| digest.to_string()).unwrap_or_default();
        text.push_str(&format!(
            r#"if [ $k = file ]; then
  h=$(sha256sum <"$p") || exit 66
  h=${{h%% *}}; echo "digest=$h"
  if [ "$h" != '{unless}' ] && [ "$(stat -c %s -- "$p")" -le {bytes_max} ]; then
    printf 'text='; base64 <"$p" | tr -d '\n'; echo
  fi
fi
"#
        ));
    }
    text
}

impl Seen {
    /// Reads the answer of [`probe`] on `path`.
    pub fn read(path: &str, answer: Option<&Answer>) -> Result<Self, ModuleError> {
        let answer = error::probed(answer)?;
        let unreadable = || ModuleError::Answer(super::printable(&answer.text(), 200));
        let mut seen = Self {
            path: path.to_owned(),
            kind: Kind::Absent,
            mode: 0,
            uid: 0,
            gid: 0,
            user: String::new(),
            group: String::new(),
            size: 0,
            digest: None,
            text: None,
            target: None,
            parent: String::new(),
            dangling: false,
        };
        let mut kind = None;
        for (key, value) in shell::lines(&answer.text()) {
            match key {
                "path" => seen.path = text_of(value).ok_or_else(unreadable)?,
                "parent" => value.clone_into(&mut seen.parent),
                "dangling" => seen.dangling = true,
                "kind" => {
                    kind = Some(match value {
                        "absent" => Kind::Absent,
                        "file" => Kind::File,
                        "directory" => Kind::Directory,
                        "link" => Kind::Link,
                        _ => Kind::Other,
                    });
                }
                "target" => {
                    let target = text_of(value).ok_or_else(unreadable)?;
                    seen.target = Some(target.strip_suffix('\n').unwrap_or(&target).to_owned());
                }
                "stat" => seen.stat(value).ok_or_else(unreadable)?,
                "user" => value.clone_into(&mut seen.user),
                "group" => value.clone_into(&mut seen.group),
                "digest" => seen.digest = Some(Digest::parse(value).ok_or_else(unreadable)?),
                "text" => seen.text = Some(shell::decode(value).ok_or_else(unreadable)?),
                _ => {}
            }
        }
        seen.kind = kind.ok_or_else(unreadable)?;
        Ok(seen)
    }

    fn stat(&mut self, line: &str) -> Option<()> {
        let words: Vec<_> = line.split(' ').collect();
        let [mode, uid, gid, size] = words[..] else { return None };
        self.mode = u32::from_str_radix(mode, 8).ok()?;
        self.uid = uid.parse().ok()?;
        self.gid = gid.parse().ok()?;
        self.size = size.parse().ok()?;
        Some(())
    }

    /// The folder above.
    pub fn parent(&self) -> &str {
        match self.path.rfind('/') {
            Some(0) | None => "/",
            Some(at) => &self.path[..at],
        }
    }

    /// Refuses what stands in the way of putting something at the path.
    ///
    /// Returns what the server lacks: a missing folder above can be the work of an earlier step.
    pub fn reachable(&self) -> Result<Vec<String>, ModuleError> {
        if self.dangling {
            return Err(ModuleError::state(
                format!("`{}` is a symbolic link that leads nowhere", super::printable(&self.path, 500)),
                "make what it points at, or write `links: replace` to put a file in its place",
            ));
        }
        let parent = super::printable(self.parent(), 500);
        match self.parent.as_str() {
            "directory" => Ok(Vec::new()),
            "absent" => Ok(vec![format!("the folder `{parent}`")]),
            "closed" => Err(ModuleError::state(
                format!("the folder `{parent}` cannot be entered"),
                "run the step as an account that may, with `as`",
            )),
            _ => Err(ModuleError::state(
                format!("`{parent}` is not a folder"),
                "remove what is there, or choose another path",
            )),
        }
    }

    /// Refuses a path where something else is than `wanted`.
    pub fn not(&self, wanted: &str, hint: &str) -> ModuleError {
        let path = super::printable(&self.path, 500);
        ModuleError::state(format!("`{path}` is {}, not {wanted}", self.kind.words()), hint)
    }
}

fn text_of(value: &str) -> Option<String> {
    String::from_utf8(shell::decode(value)?).ok()
}

/// Shell text that stops where the folder above `$p` is missing; the path is assigned first.
pub(super) fn enter(path: &str) -> String {
    format!(
        "p={}\nd=${{p%/*}}; d=${{d:-/}}\n[ -d \"$d\" ] || fail \"the folder $d is missing\"\n",
        quote(path)
    )
}
