//! `archive`: the contents of an archive in a folder.

use super::{
    Change, Content, Diff, Module, ModuleError, Outcome, Place,
    args::Args,
    attributes::{self, Attributes},
    content::content_of,
    path::{self, Ask, Kind, Links, Seen},
    registered, shell,
};
use crate::document::{Field, Kind as Wants, Shape};
use crate::model::{Answer, Digest, Script};

const FORMATS: &[&str] = &["tar", "tar.gz", "tar.xz", "tar.bz2", "tar.zst", "zip"];
/// The file in the folder that says, with the archive's digest at the end of its name, that it was unpacked
/// there; it lists the archive's files. Without a digest earlier versions kept it, with the digest inside.
const MARK: &str = ".esclusa-archive";

pub(super) const SHAPE: Shape = Shape::new(
    "archive",
    "unpacks an archive into a folder",
    &[
        Field::required("src", Wants::ProjectFile, "the archive: a file of the project or an artifact"),
        Field::required("dest", Wants::ServerPath, "the folder, made when there is none"),
        Field::optional(
            "format",
            Wants::Word(FORMATS),
            "tar, tar.gz, tar.xz, tar.bz2, tar.zst or zip; by the end of `src` when left out",
        ),
        Field::optional(
            "strip",
            Wants::Integer(0, 16),
            "so many outer folders are left out; there must be one of each",
        ),
        Field::optional(
            "replace",
            Wants::Bool,
            "what is in the folder goes, instead of files being laid over it",
        ),
        Field::optional("creates", Wants::ServerPath, "nothing is done when this path is there"),
        attributes::OWNER,
        attributes::GROUP,
    ],
);

pub(super) struct Archive {
    src: String,
    content: Content,
    digest: Digest,
    format: &'static str,
    dest: String,
    strip: i64,
    replace: bool,
    creates: Option<String>,
    attributes: Attributes,
}

fn format_of(src: &str) -> Option<&'static str> {
    let src = src.to_ascii_lowercase();
    let short = [(".tgz", "tar.gz"), (".txz", "tar.xz"), (".tbz2", "tar.bz2"), (".tzst", "tar.zst")];
    let whole = FORMATS.iter().find(|format| src.ends_with(&format!(".{format}")));
    whole.copied().or_else(|| short.iter().find(|(end, _)| src.ends_with(end)).map(|(_, format)| *format))
}

impl Archive {
    pub fn parse(args: &Args<'_>, place: &Place<'_>) -> Result<Self, ModuleError> {
        let src = args.required("src")?;
        let format = args.choice("format", FORMATS)?.or_else(|| format_of(&src));
        let format =
            format.ok_or_else(|| args.wrong("format", "is needed: the end of `src` does not tell it"))?;
        let content = content_of(place, &src)?;
        let digest = match &content {
            Content::Bytes(bytes) => Digest::of(bytes),
            Content::Blob(blob) => blob.digest,
        };
        let dest = args.required_path("dest")?;
        let replace = args.flag("replace")?.unwrap_or(false);
        if replace && dest.matches('/').count() < 2 {
            return Err(args.wrong("dest", "must not be a folder of the root folder when its content goes"));
        }
        Ok(Self {
            content,
            digest,
            src,
            format,
            dest,
            strip: args.number("strip", 0, 16)?.unwrap_or(0),
            replace,
            creates: args.path("creates")?,
            attributes: Attributes {
                mode: None,
                owner: args.account("owner")?,
                group: args.account("group")?,
            },
        })
    }

    fn unpack(&self) -> String {
        let tool = match self.format {
            "tar.gz" => "gzip",
            "tar.xz" => "xz",
            "tar.bz2" => "bzip2",
            "tar.zst" => "zstd",
            "zip" => "unzip",
            _ => "tar",
        };
        let need = format!("command -v {tool} >/dev/null || fail '{tool} is missing on this server'\n");
        let unpack = match self.format {
            "zip" => "unzip -q \"$t/archive\" -d \"$t/new\" </dev/null\n".to_owned(),
            "tar" => "tar -xof \"$t/archive\" -C \"$t/new\"\n".to_owned(),
            // Decompressed by a program of its own, whose failure a pipe would hide.
            _ => format!(
                "{tool} -dc <\"$t/archive\" >\"$t/tar\"\nrm -f \"$t/archive\"\ntar -xof \"$t/tar\" -C \"$t/new\"\n"
            ),
        };
        need + &unpack
    }

    fn script(&self, seen: &Seen) -> String {
        let mut text = shell::CHANGE.to_owned();
        text.push_str(&path::enter(&seen.path));
        // Unpacked beside the folder, so that it takes its place by renaming.
        text.push_str(
            "[ ! -L \"$p\" ] || fail \"$p is a symbolic link\"\nt=$(mktemp -d \"$d/.esclusa.XXXXXX\")\n",
        );
        text.push_str("trap 'rm -rf -- \"$t\"' EXIT\ntrap 'exit 143' HUP INT TERM\n");
        text.push_str(&format!(
            "{{\n{}}} >\"$t/archive\"\nmkdir \"$t/new\"\numask 022\n",
            shell::emit(&self.content)
        ));
        text.push_str(&self.unpack());
        text.push_str("n=$t/new\n");
        for _ in 0..self.strip {
            text.push_str(STRIP);
        }
        text.push_str("chmod 755 \"$n\"\n");
        text.push_str(&self.attributes.chown("\"$n\"", "-hR"));
        text.push_str("(cd \"$n\" && find . ! -type d | LC_ALL=C sort) >\"$t/list\"\n");
        let mark = format!("{MARK}.{}", self.digest);
        if self.replace {
            text.push_str(&format!("mv \"$t/list\" \"$n/{mark}\"\n"));
            text.push_str(
                "if [ -d \"$p\" ]; then mv -- \"$p\" \"$t/old\"; mv -- \"$n\" \"$p\" || { mv -- \"$t/old\" \"$p\"; exit 66; }; else mv -- \"$n\" \"$p\"; fi\n",
            );
        } else {
            text.push_str(&format!(
                "if [ ! -d \"$p\" ]; then mv \"$t/list\" \"$n/{mark}\"; mv -- \"$n\" \"$p\"; exit 0; fi\n{FORGET}{LAY}mv -f -- \"$t/list\" \"$p/{mark}\"\n"
            ));
        }
        text
    }
}

/// Forgets the archives that have a file in common with this one: it is laid over theirs.
const FORGET: &str = r#"rm -f -- "$p/.esclusa-archive"
for m in "$p/.esclusa-archive".*; do
  [ -f "$m" ] || continue
  [ -z "$(LC_ALL=C sort -- "$m" "$t/list" | uniq -d | head -n 1)" ] || rm -f -- "$m"
done
"#;

/// Lays what was unpacked over what is there. Entry by entry, since the folder itself keeps its mode and
/// owner.
const LAY: &str = r#"for e in "$n"/* "$n"/.[!.]* "$n"/..?*; do
  if [ -e "$e" ] || [ -L "$e" ]; then cp -a -- "$e" "$p/"; fi
done
"#;

const STRIP: &str = r#"set --
for e in "$n"/* "$n"/.[!.]* "$n"/..?*; do if [ -e "$e" ] || [ -L "$e" ]; then set -- "$@" "$e"; fi; done
[ $# = 1 ] && [ -d "$1" ] && [ ! -L "$1" ] || fail 'the archive has no single outer folder to leave out'
n=$1
"#;

impl Module for Archive {
    fn probe(&self) -> Option<Script> {
        let mut text = path::probe(&self.dest, Links::Refuse, Ask::Attributes);
        text.push_str(&format!(
            "if [ -f \"$p/{MARK}\" ]; then printf 'mark=%s\\n' \"$(head -c 64 \"$p/{MARK}\")\"; fi\n\
             for m in \"$p/{MARK}\".*; do [ ! -f \"$m\" ] || printf 'mark=%s\\n' \"${{m##*.}}\"; done\n"
        ));
        if let Some(creates) = &self.creates {
            let creates = crate::model::script::quote(creates);
            text.push_str(&format!("if [ -e {creates} ] || [ -L {creates} ]; then echo creates=yes; fi\n"));
        }
        Some(Script(text))
    }

    fn change(&self, answer: Option<&Answer>) -> Result<Outcome, ModuleError> {
        let seen = Seen::read(&self.dest, answer)?;
        let text = answer.map(Answer::text).unwrap_or_default();
        let marks: Vec<_> =
            shell::lines(&text).filter(|(key, _)| *key == "mark").map(|(_, mark)| mark).collect();
        let created = shell::lines(&text).any(|(key, _)| key == "creates");
        if created || marks.contains(&self.digest.to_string().as_str()) {
            return Ok(Outcome::Unchanged(registered(false, [("path", self.dest.as_str().into())])));
        }
        if !matches!(seen.kind, Kind::Absent | Kind::Directory) {
            return Err(seen.not("a folder", "remove it first, or choose another `dest`"));
        }
        let lacks = seen.reachable()?;
        let mut diff = Diff::default();
        let from = match (&marks[..], seen.kind) {
            ([], Kind::Absent) => "nothing".to_owned(),
            ([], _) => "a folder".to_owned(),
            (marks, _) => format!("sha256 {}", marks.join(", ")),
        };
        diff.attribute(&self.dest, from, format!("{}, sha256 {}", self.src, self.digest));
        if self.replace && seen.kind == Kind::Directory {
            diff.note("what is in the folder goes");
        }
        let summary =
            format!("unpack {} into {}", super::printable(&self.src, 100), super::printable(&self.dest, 200));
        let mut change = Change::new(summary, diff, self.script(&seen));
        if let Content::Blob(blob) = &self.content {
            change.blobs.push(blob.clone());
        }
        change.lacks = lacks;
        Ok(Outcome::Change(change))
    }
}
