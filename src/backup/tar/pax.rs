//! Extended headers, and the entry that comes of them and a plain header.

use super::header::RawHeader;
use super::{EntryKind, FileEntry, PathText, absolute};
use std::collections::BTreeMap;

/// Most bytes of a path.
const PATH_BYTES_MAX: usize = 65_536;

/// What extended headers say about an entry.
#[derive(Default, Clone)]
pub struct Overrides {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime: Option<(i64, u32)>,
    xattrs: BTreeMap<String, PathText>,
    read: bool,
}

impl Overrides {
    pub fn is_empty(&self) -> bool {
        !self.read
    }

    /// Reads records of the form `length key=value\n`, where the length counts the whole record.
    pub fn read(&mut self, mut bytes: &[u8]) -> Result<(), &'static str> {
        const BAD: &str = "a malformed extended header";
        self.read = true;
        while !bytes.is_empty() {
            let space = bytes.iter().take(8).position(|byte| *byte == b' ').ok_or(BAD)?;
            let length: usize = ascii(&bytes[..space]).and_then(|text| text.parse().ok()).ok_or(BAD)?;
            if length <= space + 2 || length > bytes.len() || bytes[length - 1] != b'\n' {
                return Err(BAD);
            }
            let record = &bytes[space + 1..length - 1];
            let equals = record.iter().position(|byte| *byte == b'=').ok_or(BAD)?;
            self.record(&record[..equals], &record[equals + 1..])?;
            bytes = &bytes[length..];
        }
        Ok(())
    }

    fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        const BAD: &str = "an extended header with a bad value";
        match key {
            b"path" => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = Some(natural(value).ok_or(BAD)?),
            b"uid" => self.uid = Some(natural(value).ok_or(BAD)?),
            b"gid" => self.gid = Some(natural(value).ok_or(BAD)?),
            b"mtime" => self.mtime = Some(time(value).ok_or(BAD)?),
            key if key.starts_with(b"GNU.sparse") => return Err("a sparse file, which is not supported"),
            key => {
                if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    let name = PathText(name.to_vec()).to_string();
                    self.xattrs.insert(name, PathText(value.to_vec()));
                }
            }
        }
        Ok(())
    }

    pub fn long_name(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        self.read = true;
        self.path = Some(until_zero(bytes)?);
        Ok(())
    }

    pub fn long_link(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        self.read = true;
        self.link = Some(until_zero(bytes)?);
        Ok(())
    }
}

/// Puts an entry together.
pub fn entry(raw: RawHeader, global: &Overrides, own: Overrides) -> Result<FileEntry, &'static str> {
    let kind = match raw.kind {
        b'0' | 0 | b'7' => EntryKind::File,
        b'1' => EntryKind::HardLink,
        b'2' => EntryKind::SymbolicLink,
        b'3' => EntryKind::CharacterDevice,
        b'4' => EntryKind::BlockDevice,
        b'5' => EntryKind::Folder,
        b'6' => EntryKind::Pipe,
        _ => return Err("an entry of an unknown kind"),
    };
    let size = own.size.unwrap_or(raw.size);
    if kind == EntryKind::HardLink && size != 0 {
        return Err("a hard link with contents");
    }
    let name = own.path.unwrap_or(raw.name);
    let link = own.link.unwrap_or(raw.link);
    let bad = |bytes: &[u8]| bytes.is_empty() || bytes.len() > PATH_BYTES_MAX || bytes.contains(&0);
    if bad(&name) {
        return Err("a name that is empty, too long or holds a zero byte");
    }
    let link = match kind {
        EntryKind::HardLink | EntryKind::SymbolicLink if bad(&link) => {
            return Err("a link target that is empty, too long or holds a zero byte");
        }
        EntryKind::HardLink => Some(absolute(&link)?),
        EntryKind::SymbolicLink => Some(PathText(link)),
        _ => None,
    };
    let device = matches!(kind, EntryKind::CharacterDevice | EntryKind::BlockDevice).then_some(raw.device);
    let (mtime, mtime_nanoseconds) = own.mtime.or(global.mtime).unwrap_or((raw.mtime, 0));
    Ok(FileEntry {
        path: absolute(&name)?,
        kind,
        size: if kind == EntryKind::File { size } else { 0 },
        sha256: None,
        mode: raw.mode,
        uid: own.uid.or(global.uid).unwrap_or(raw.uid),
        gid: own.gid.or(global.gid).unwrap_or(raw.gid),
        mtime,
        mtime_nanoseconds,
        link,
        device,
        xattrs: own.xattrs,
    })
}

fn until_zero(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    if bytes[end..].iter().any(|byte| *byte != 0) {
        return Err("a long name with a zero byte");
    }
    Ok(bytes[..end].to_vec())
}

fn ascii(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn natural(bytes: &[u8]) -> Option<u64> {
    ascii(bytes)?.parse().ok()
}

/// Seconds with up to nine decimals; `-7.5` is eight seconds before and half a second on.
fn time(bytes: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii())?;
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: i64 = ascii(whole.as_bytes())?.parse().ok()?;
    let fraction = &fraction[..fraction.len().min(9)];
    let digits = if fraction.is_empty() { "0" } else { ascii(fraction.as_bytes())? };
    let nanoseconds = digits.parse::<u32>().ok()? * 10_u32.pow(9 - u32::try_from(digits.len()).ok()?);
    Some(match (negative, nanoseconds) {
        (false, _) => (whole, nanoseconds),
        (true, 0) => (-whole, 0),
        (true, _) => (-whole - 1, 1_000_000_000 - nanoseconds),
    })
}
