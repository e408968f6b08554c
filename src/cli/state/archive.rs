//! The plain form of a saved state: a tar archive of regular files with short names, which any `tar`
//! reads too.

use std::io::{self, Read, Write};

const BLOCK_BYTES: usize = 512;
/// Longest name; the header has no room for more.
const NAME_BYTES_MAX: usize = 100;
/// Eleven octal digits.
const SIZE_MAX: u64 = (1 << 33) - 1;

/// Writes one file.
pub fn add(out: &mut impl Write, name: &str, size: u64, mut content: impl Read) -> io::Result<()> {
    if name.len() > NAME_BYTES_MAX || size > SIZE_MAX {
        return Err(io::Error::other(format!("`{name}` does not fit into the archive")));
    }
    out.write_all(&header(name, size))?;
    let written = io::copy(&mut content.by_ref().take(size), out)?;
    if written != size || content.read(&mut [0])? != 0 {
        return Err(io::Error::other(format!("`{name}` changed while it was read")));
    }
    out.write_all(&vec![0; padding(size)])
}

/// Writes the end.
pub fn end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK_BYTES])
}

/// Reads every file in order: its name, its size and its content, which is read to its end.
pub fn each(
    input: &mut impl Read,
    mut see: impl FnMut(&str, u64, &mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    loop {
        let mut block = [0; BLOCK_BYTES];
        input.read_exact(&mut block)?;
        if block == [0; BLOCK_BYTES] {
            // The authenticated end of the encryption comes after this one.
            let mut rest = Vec::new();
            input.take(1 << 20).read_to_end(&mut rest)?;
            return if rest.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(damaged("its end")) };
        }
        let (name, size) = read_header(&block)?;
        let mut content = input.by_ref().take(size);
        see(&name, size, &mut content)?;
        if content.limit() != 0 {
            io::copy(&mut content, &mut io::sink())?;
        }
        if content.limit() != 0 {
            return Err(damaged("it is cut off"));
        }
        input.read_exact(&mut vec![0; padding(size)])?;
    }
}

fn header(name: &str, size: u64) -> [u8; BLOCK_BYTES] {
    let mut block = [0; BLOCK_BYTES];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000600\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn read_header(block: &[u8; BLOCK_BYTES]) -> io::Result<(String, u64)> {
    let text = |range: std::ops::Range<usize>| {
        let field = block[range].split(|byte| *byte == 0).next().unwrap_or_default();
        std::str::from_utf8(field).map(str::trim).map(str::to_owned).map_err(|_| damaged("a header"))
    };
    let number = |range| u64::from_str_radix(&text(range)?, 8).map_err(|_| damaged("a number"));
    let (name, size) = (text(0..100)?, number(124..136)?);
    if size > SIZE_MAX || header(&name, size)[..] != block[..] {
        return Err(damaged("a header"));
    }
    Ok((name, size))
}

fn padding(size: u64) -> usize {
    let rest = usize::try_from(size % BLOCK_BYTES as u64).unwrap_or(0);
    (BLOCK_BYTES - rest) % BLOCK_BYTES
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("this is no saved state: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut bytes = Vec::new();
        add(&mut bytes, "empty", 0, &b""[..]).unwrap();
        add(&mut bytes, "block", 512, &[7; 512][..]).unwrap();
        add(&mut bytes, "depot/odd", 3, &b"abc"[..]).unwrap();
        end(&mut bytes).unwrap();
        bytes
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<(String, Vec<u8>)>> {
        let mut found = Vec::new();
        each(&mut &bytes[..], |name, _, content| {
            let mut text = Vec::new();
            content.read_to_end(&mut text)?;
            found.push((name.to_owned(), text));
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn what_was_written_is_read_again() {
        let found = read(&sample()).unwrap();
        let expected = [("empty", vec![]), ("block", vec![7; 512]), ("depot/odd", b"abc".to_vec())];
        assert_eq!(found, expected.map(|(name, text)| (name.to_owned(), text)));
    }

    #[test]
    fn a_damaged_or_shortened_archive_is_refused() {
        let good = sample();
        for length in (0..good.len() - 512).step_by(100) {
            assert!(read(&good[..length]).is_err(), "{length}");
        }
        for at in [0, 130, 150, 600] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(read(&bad).is_err(), "{at}");
        }
        assert!(add(&mut Vec::new(), "grown", 1, &b"ab"[..]).is_err());
        assert!(add(&mut Vec::new(), "shrunk", 3, &b"ab"[..]).is_err());
        assert!(add(&mut Vec::new(), &"n".repeat(101), 0, &b""[..]).is_err());
    }
}
