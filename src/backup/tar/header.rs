//! The 512 bytes in front of every entry.

/// Size of a block.
pub const BLOCK_BYTES: usize = 512;

/// A header's own fields, before extended headers override them.
pub struct RawHeader {
    pub name: Vec<u8>,
    pub link: Vec<u8>,
    pub kind: u8,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub size: u64,
    pub mtime: i64,
    pub device: (u64, u64),
}

impl RawHeader {
    /// Reads a block whose checksum must fit.
    pub fn read(block: &[u8]) -> Result<Self, &'static str> {
        if block.len() != BLOCK_BYTES {
            return Err("a short header");
        }
        let stored = number(&block[148..156]).ok_or("a checksum that is no number")?;
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) })
            .sum();
        if i64::try_from(sum).ok() != Some(stored) {
            return Err("a header whose checksum does not fit");
        }
        let mut name = text(&block[..100]).to_vec();
        // The prefix field exists in posix headers only; GNU's old format keeps times there.
        if &block[257..263] == b"ustar\0" && block[345] != 0 {
            name = [text(&block[345..500]), b"/", &name].concat();
        }
        let field = |range: std::ops::Range<usize>| number(&block[range]).ok_or("a field that is no number");
        let natural = |range| field(range).and_then(|n| u64::try_from(n).map_err(|_| "a negative field"));
        Ok(Self {
            name,
            link: text(&block[157..257]).to_vec(),
            kind: block[156],
            mode: u32::try_from(natural(100..108)? & 0o7777).unwrap_or(0),
            uid: natural(108..116)?,
            gid: natural(116..124)?,
            size: natural(124..136)?,
            mtime: field(136..148)?,
            device: (natural(329..337)?, natural(337..345)?),
        })
    }
}

fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Octal digits, or GNU's binary form when the first bit is set.
fn number(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        // Two's complement over the whole field; the first bit is only a mark.
        let negative = first & 0x40 != 0;
        let mut value: i128 = if negative { -1 } else { 0 };
        for (at, byte) in field.iter().enumerate() {
            let byte = match (at, negative) {
                (0, false) => byte & 0x7f,
                _ => *byte,
            };
            value = (value << 8) | i128::from(byte);
        }
        return i64::try_from(value).ok();
    }
    let digits = field.split(|byte| *byte == 0).next()?;
    let digits = std::str::from_utf8(digits).ok()?.trim_matches(' ');
    if digits.is_empty() {
        return Some(0);
    }
    if !digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) {
        return None;
    }
    i64::from_str_radix(digits, 8).ok()
}
