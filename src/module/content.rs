//! `template` and `copy`: a file with this content.

use super::{
    Change, Content, Diff, INLINE_BYTES_MAX, Module, ModuleError, Outcome, Place,
    args::Args,
    attributes::{self, Attributes},
    path::{self, Ask, Kind, Links, Seen},
    registered, replace,
};
use crate::document::{Field, Kind as Wants, Shape};
use crate::model::{Answer, Digest, Script, Value};

pub(super) const TEMPLATE: Shape = Shape::new(
    "template",
    "a file whose text is rendered from a template",
    &[
        Field::required("src", Wants::ProjectFile, "the template, relative to the playbook's folder"),
        Field::required("dest", Wants::ServerPath, "where it goes"),
        attributes::MODE,
        attributes::OWNER,
        attributes::GROUP,
        Field::optional("links", Wants::Word(Links::WORDS), Links::ABOUT),
    ],
);

pub(super) const COPY: Shape = Shape::new(
    "copy",
    "a file with exactly these bytes",
    &[
        Field::optional("src", Wants::ProjectFile, "the file, relative to the playbook's folder"),
        Field::optional("content", Wants::Text, "the text itself, instead of `src`"),
        Field::required("dest", Wants::ServerPath, "where it goes"),
        attributes::MODE,
        attributes::OWNER,
        attributes::GROUP,
        Field::optional("links", Wants::Word(Links::WORDS), Links::ABOUT),
    ],
)
.one_of(&[&["src", "content"]]);

/// Largest text that a probe sends back for the diff, in bytes.
const TEXT_BYTES_MAX: u64 = 64 * 1024;
/// Mode of a new file when the step names none.
const MODE_OF_NEW: u32 = 0o644;

pub(super) struct ContentFile {
    dest: String,
    content: Content,
    attributes: Attributes,
    links: Links,
}

/// The content that `src` names, refused where it is too large to travel inline.
pub(super) fn content_of(place: &Place<'_>, src: &str) -> Result<Content, ModuleError> {
    let failed = |reason| ModuleError::Source { src: super::printable(src, 200), reason };
    match place.files.content(src).map_err(failed)? {
        Content::Bytes(bytes) if bytes.len() > INLINE_BYTES_MAX => {
            Err(failed(format!("more than {INLINE_BYTES_MAX} bytes cannot travel inside a step")))
        }
        content => Ok(content),
    }
}

impl ContentFile {
    pub fn parse(args: &Args<'_>, place: &Place<'_>) -> Result<Self, ModuleError> {
        args.at_most_one(&["src", "content"])?;
        let content = match (args.text("src")?, args.text("content")?) {
            (Some(src), _) => content_of(place, &src)?,
            (None, Some(text)) if text.len() > INLINE_BYTES_MAX => {
                return Err(args.wrong("content", format!("must have at most {INLINE_BYTES_MAX} bytes")));
            }
            (None, Some(text)) => Content::Bytes(text.into_bytes()),
            (None, None) => {
                return Err(ModuleError::Missing { module: args.module, key: "src".to_owned() });
            }
        };
        Ok(Self {
            dest: args.required_path("dest")?,
            content,
            attributes: Attributes::read(args)?,
            links: Links::read(args)?,
        })
    }

    fn digest(&self) -> Digest {
        match &self.content {
            Content::Bytes(bytes) => Digest::of(bytes),
            Content::Blob(blob) => blob.digest,
        }
    }

    fn check(&self, seen: &Seen) -> Result<(), ModuleError> {
        match seen.kind {
            Kind::Link if self.links == Links::Refuse => Err(seen.not(
                "a file",
                "write `links: follow` to change what it points at, or `links: replace` to put a file in its place",
            )),
            Kind::Directory => Err(seen.not("a file", "name the file in `dest`, or remove the folder first")),
            Kind::Other => Err(seen.not("a file", "remove it first, or choose another `dest`")),
            _ => Ok(()),
        }
    }

    fn diff(&self, seen: &Seen) -> Diff {
        let mut diff = Diff::default();
        let new = self.digest();
        if seen.kind != Kind::File {
            diff.attribute("file", seen.kind.words(), &self.dest);
        }
        if seen.digest != Some(new) {
            let old = seen.digest.map_or("none".to_owned(), |digest| digest.to_string());
            diff.attribute("sha256", old, new);
            match (&self.content, &seen.text) {
                (Content::Bytes(new), Some(old)) => diff.content(old, new),
                (Content::Bytes(new), None) if seen.digest.is_none() => diff.content(b"", new),
                _ => {}
            }
        }
        self.attributes.compare(&seen_as_file(seen), &mut diff);
        diff
    }
}

/// A link that gives way to a file has no attributes to compare with.
fn seen_as_file(seen: &Seen) -> Seen {
    let mut seen = seen.clone();
    if seen.kind != Kind::File {
        seen.kind = Kind::Absent;
    }
    seen
}

impl Module for ContentFile {
    fn probe(&self) -> Option<Script> {
        let ask = Ask::Content { unless: Some(self.digest()), bytes_max: TEXT_BYTES_MAX };
        Some(Script(path::probe(&self.dest, self.links, ask)))
    }

    fn change(&self, answer: Option<&Answer>) -> Result<Outcome, ModuleError> {
        let seen = Seen::read(&self.dest, answer)?;
        self.check(&seen)?;
        let lacks = seen.reachable()?;
        let diff = self.diff(&seen);
        if diff.is_empty() {
            return Ok(Outcome::Unchanged(registered(false, [("path", self.dest.as_str().into())])));
        }
        let same_content = seen.digest == Some(self.digest());
        let script = if same_content {
            attributes_only(&seen, &self.attributes)
        } else {
            replace::replace(&seen, &self.content, &self.attributes.over(&seen, MODE_OF_NEW))
        };
        let mut change = Change::new(format!("write {}", super::printable(&self.dest, 200)), diff, script);
        if let (Content::Blob(blob), false) = (&self.content, same_content) {
            change.blobs.push(blob.clone());
        }
        change.lacks = lacks;
        Ok(Outcome::Change(change))
    }

    fn result(&self, answer: &Answer) -> Result<Value, ModuleError> {
        super::error::succeeded(answer)?;
        Ok(registered(true, [("path", self.dest.as_str().into())]))
    }
}

/// Shell text that sets the attributes of the file or folder that `seen` saw.
pub(super) fn attributes_only(seen: &Seen, attributes: &Attributes) -> String {
    format!(
        "{}{}[ ! -L \"$p\" ] || fail \"$p is a symbolic link now\"\n{}",
        super::shell::CHANGE,
        path::enter(&seen.path),
        attributes.set("p")
    )
}
