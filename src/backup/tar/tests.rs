use super::*;
use proptest::prelude::*;

fn header(name: &[u8], kind: u8, size: u64) -> Vec<u8> {
    let mut block = vec![0; BLOCK_BYTES];
    block[..name.len()].copy_from_slice(name);
    block[100..107].copy_from_slice(b"0004755");
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[136..147].copy_from_slice(b"00000000007");
    block[156] = kind;
    block[257..263].copy_from_slice(b"ustar\0");
    let sum: u64 =
        block.iter().enumerate().map(|(i, b)| if (148..156).contains(&i) { 32 } else { u64::from(*b) }).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

fn member(name: &[u8], kind: u8, contents: &[u8]) -> Vec<u8> {
    let mut bytes = header(name, kind, contents.len() as u64);
    bytes.extend_from_slice(contents);
    bytes.resize(bytes.len().next_multiple_of(BLOCK_BYTES), 0);
    bytes
}

fn archive() -> Vec<u8> {
    let record = b"29 SCHILY.xattr.user.a=1\n2\n3\n";
    assert_eq!(record.len(), 29);
    let mut bytes = member(b"x", b'x', record);
    bytes.extend(member(b"./a/b", b'0', b"hello"));
    bytes.extend(member(b"x", b'x', b"15 mtime=-7.25\n"));
    bytes.extend(member(b"./a/empty", b'0', b""));
    bytes.extend(vec![0; 2 * BLOCK_BYTES]);
    bytes
}

fn read(bytes: &[u8], step: usize) -> Result<Vec<FileEntry>, BackupError> {
    let mut reader = TarReader::default();
    for chunk in bytes.chunks(step) {
        reader.feed(chunk)?;
    }
    reader.finish()
}

#[test]
fn entries_are_the_same_however_the_bytes_arrive() {
    let bytes = archive();
    let whole = read(&bytes, bytes.len()).unwrap();
    assert_eq!(whole.len(), 2);
    assert_eq!(whole[0].path, PathText(b"/a/b".to_vec()));
    assert_eq!(whole[0].sha256, Some(Digest::of(b"hello")));
    assert_eq!(whole[0].mode, 0o4755);
    assert_eq!(whole[0].xattrs["user.a"], PathText(b"1\n2\n3".to_vec()));
    assert_eq!((whole[1].mtime, whole[1].mtime_nanoseconds), (-8, 750_000_000));
    for step in [1, 7, 511, 512, 513] {
        assert_eq!(read(&bytes, step).unwrap(), whole);
    }
}

#[test]
fn every_cut_is_noticed() {
    let bytes = archive();
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length], 512).is_err(), "cut at {length}");
    }
}

#[test]
fn names_that_climb_out_and_garbage_after_the_end_are_refused() {
    let mut climbing = member(b"./a/../../etc/shadow", b'0', b"x");
    climbing.extend(vec![0; 1024]);
    assert!(read(&climbing, 512).is_err());
    let mut bytes = archive();
    bytes.extend(member(b"./late", b'0', b"x"));
    assert!(read(&bytes, 512).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let _ = read(&bytes, 100);
    }

    #[test]
    fn no_damage_makes_it_panic(at in 0_usize..5000, byte in any::<u8>(), step in 1_usize..600) {
        let mut bytes = archive();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = read(&bytes, step);
    }

    #[test]
    fn no_pax_header_makes_it_panic(contents in proptest::collection::vec(any::<u8>(), 1..200)) {
        let mut bytes = member(b"x", b'x', &contents);
        bytes.extend(archive());
        let _ = read(&bytes, 512);
    }
}
