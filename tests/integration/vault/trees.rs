//! Trees of files, and damage of every kind.

use super::*;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;

/// A tree with everything that a copy can lose.
const NASTY: &str = r#"set -e
mkdir -p "$1/t/sub/deep" "$1/t/empty" "$1/t/gone later"
cd "$1/t"
printf 'hello' >plain; ln plain hard; ln plain sub/hard2
: >nothing; printf 'x' >'-n'; printf 'y' >' leading and trailing '
printf 'a' >"$(printf 'new\nline')"; printf 'b' >"$(printf 'bad\377utf')"; printf 'c' >'back\tslash'; printf 'd' >'st*r [x]'
ln -s loop2 loop1; ln -s loop1 loop2; ln -s /etc/passwd outside; ln -s . self; ln -s nowhere dangling
mkfifo pipe; printf 's' >suid; chmod 4755 suid; chmod 1777 empty; printf 'z' >locked
long=$(printf 'n%.0s' $(seq 1 200)); mkdir -p "$long/$long"; printf 'far' >"$long/$long/$long"
head -c 300000 /dev/urandom >big
touch -d '1969-12-31 23:59:50.5 UTC' plain; touch -d '2262-01-01 00:00:00.123456789 UTC' nothing
touch -h -d '2001-02-03 UTC' dangling; touch -d '2020-05-05 05:05:05.000000005 UTC' sub/deep
if [ "$(id -u)" = 0 ]; then chmod 000 locked; chown 54321:12345 'st*r [x]'; chown -h 7:8 dangling; mknod null c 1 3; fi
if command -v setfattr >/dev/null; then setfattr -n user.note -v 0x310a320a big || :; fi
if command -v setfacl >/dev/null; then setfacl -m u:10:r big || :; fi
if command -v setcap >/dev/null; then setcap cap_net_raw+ep big || :; fi
touch -d '2020-01-01 01:01:01.5 UTC' "$1/t"
"#;

/// What an update and a careless hand do to it.
const CHANGES: &str = r#"set -e
cd "$1/t"
printf 'changed' >plain; rm hard; printf 'other' >hard; rm -r sub; printf 'file now' >sub
mkdir added; mkdir added/more; printf 'a' >added/more/f; printf 'n' >"$(printf 'added\nname')"; printf 'q' >'-rf'
rm dangling; mkdir dangling; printf 'in' >dangling/in; rm pipe; mkfifo added/pipe
rm -r 'gone later'; chmod 700 empty; printf 'e' >empty/extra; rm self; ln -s / self; chmod 755 suid; rm nothing
printf 'b' >>big; ln plain added/link; mkdir -p "$1/elsewhere"; rm loop1; ln -s "$1/elsewhere" loop1
"#;

fn shell(text: &str, folder: &Path) {
    let status = Command::new("sh").args(["-c", text, "sh"]).arg(folder).status().unwrap();
    assert!(status.success());
}

/// Everything about every entry that a restore must bring back.
fn picture(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut picture = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    let mut inodes: BTreeMap<u64, PathBuf> = BTreeMap::new();
    while let Some(path) = waiting.pop() {
        let meta = path.symlink_metadata().unwrap();
        let kind = meta.file_type();
        let contents = match () {
            () if kind.is_file() => esclusa::model::Digest::of(&std::fs::read(&path).unwrap()).to_string(),
            () if kind.is_symlink() => format!("{:?}", std::fs::read_link(&path).unwrap()),
            () => String::new(),
        };
        let twin =
            if kind.is_dir() { None } else { Some(inodes.entry(meta.ino()).or_insert(path.clone()).clone()) };
        let xattrs = Command::new("getfattr")
            .args(["-h", "-d", "-m", "-", "-e", "hex", "--absolute-names"])
            .arg(&path)
            .output();
        picture.insert(
            path.clone(),
            format!(
                "{:o} {}:{} {}.{} {} {contents} {} {twin:?} {:?}",
                meta.mode(),
                meta.uid(),
                meta.gid(),
                meta.mtime(),
                meta.mtime_nsec(),
                meta.rdev(),
                meta.nlink() * u64::from(!kind.is_dir()),
                xattrs.map(|output| output.stdout),
            ),
        );
        if kind.is_dir() {
            let mut below: Vec<_> =
                std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect();
            below.sort_by(|a, b| b.cmp(a));
            waiting.extend(below);
        }
    }
    picture
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nasty_tree_comes_back_identical_and_what_was_added_goes() {
    let bench = Bench::new().await;
    let place = tempfile::tempdir_in("/var/tmp").unwrap();
    shell(NASTY, place.path());
    let tree = place.path().join("t");
    let item = paths_item(Part::Configuration, &tree);
    let before = picture(&tree);
    let proof = bench.back_up("b1", std::slice::from_ref(&item)).await.unwrap();
    assert_eq!(bench.vault.verify(proof.id()).await.unwrap(), proof);
    let manifest = bench.vault.manifest(proof.id()).await.unwrap();
    let listed = manifest.items[0]
        .files
        .iter()
        .filter(|file| file.path.0.starts_with(tree.to_str().unwrap().as_bytes()));
    assert_eq!(listed.count(), before.len());
    shell(CHANGES, place.path());
    assert_ne!(picture(&tree), before);
    bench.restore("b1", &item).await;
    let after = picture(&tree);
    for (path, entry) in &before {
        assert_eq!(after.get(path), Some(entry), "{path:?}");
    }
    assert_eq!(after.len(), before.len());
    assert!(std::fs::read_dir(place.path().join("elsewhere")).unwrap().next().is_none());
    // And when the tree and the folder above it are gone altogether.
    std::fs::remove_dir_all(place.path()).unwrap();
    bench.restore("b1", &item).await;
    assert_eq!(picture(&tree), before);
}

/// A small file system mounted for as long as the test lives.
struct Mounted(PathBuf);

impl Mounted {
    fn at(path: PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&path).unwrap();
        let mounted = rustix::process::getuid().is_root()
            && Command::new("mount")
                .args(["-t", "tmpfs", "-o", "size=8m", "none"])
                .arg(&path)
                .status()
                .unwrap()
                .success();
        if !mounted {
            println!("left out: nothing can be mounted here");
        }
        mounted.then_some(Self(path))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_below_another_comes_back_whether_something_is_mounted_there_or_not() {
    let bench = Bench::new().await;
    let place = tempfile::tempdir_in("/var/tmp").unwrap();
    for mounted in [false, true] {
        let tree = place.path().join(if mounted { "mounted" } else { "plain" });
        let below = tree.join("uploads");
        std::fs::create_dir_all(&tree).unwrap();
        let mount = if mounted { Mounted::at(below.clone()) } else { None };
        if mounted && mount.is_none() {
            return;
        }
        shell(
            "cd \"$1\"; mkdir -p uploads/old; echo a >a; echo b >uploads/b; ln uploads/b uploads/old/b; touch -d '2020-01-01 UTC' a uploads/old",
            &tree,
        );
        let words = [&tree, &below, &tree].map(|path| path.display().to_string());
        let item = item(Part::Complementary, Source::Paths(words.to_vec()));
        let before = picture(&tree);
        let id = if mounted { "b2" } else { "b1" };
        let proof = bench.back_up(id, std::slice::from_ref(&item)).await.unwrap();
        let manifest = bench.vault.manifest(proof.id()).await.unwrap();
        let copies = |name: &str| {
            let path = esclusa::backup::PathText(below.join(name).to_str().unwrap().as_bytes().to_vec());
            manifest.items[0].files.iter().filter(|file| file.path == path).count()
        };
        assert_eq!((copies("b"), copies("old")), (1, 1), "nothing is copied twice");
        shell("cd \"$1\"; rm -r uploads/old; echo c >uploads/b; mkdir uploads/new new; rm a", &tree);
        bench.restore(id, &item).await;
        assert_eq!(picture(&tree), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn busybox_copies_and_restores_contents_and_modes() {
    if !is_here("busybox") {
        return;
    }
    let mut bench = Bench::new().await;
    let tools = bench.root.path().join("tools");
    std::fs::create_dir(&tools).unwrap();
    let install = Command::new("busybox").args(["--install", "-s"]).arg(&tools).status().unwrap();
    assert!(install.success());
    // The script appends the usual folders, so busybox's tools come first.
    bench.shell = vec![tools.join("sh").display().to_string()];
    bench.environment = vec![("PATH".into(), tools.display().to_string())];
    let place = tempfile::tempdir_in("/var/tmp").unwrap();
    let tree = place.path().join("t");
    shell(
        "mkdir -p \"$1/t/sub\"; cd \"$1/t\"; printf one >a; ln a b; ln -s a c; printf 'x' >\"$(printf 'n\\nl')\"; chmod 4711 a; touch -h -d '2020-01-01 UTC' a c n* sub .",
        place.path(),
    );
    let item = paths_item(Part::Configuration, &tree);
    let before = picture(&tree);
    let proof = bench.back_up("b1", std::slice::from_ref(&item)).await.unwrap();
    assert!(proof.warnings()[0].contains("extended attributes"), "{:?}", proof.warnings());
    shell(
        "cd \"$1/t\"; rm -r sub; printf two >sub; rm a; mkdir a; printf q >a/q; printf r >\"$(printf 'r\\nr')\"",
        place.path(),
    );
    bench.restore("b1", &item).await;
    assert_eq!(picture(&tree), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_names_everything_that_would_be_a_hole() {
    let bench = Bench::new().await;
    let place = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/etc", place.path().join("link")).unwrap();
    for (path, words) in [
        (place.path().join("none"), "does not exist"),
        (place.path().join("link"), "is a symbolic link to `/etc`"),
        (PathBuf::from("/sys"), "a file system is mounted at"),
    ] {
        let item = paths_item(Part::Configuration, &path);
        let error = item.read_preflight(&bench.run(&item.preflight())).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    for bad in ["relative", "/", "/a/../b", "/a//b", "/a/", "/a\0b"] {
        assert!(paths_item(Part::Configuration, Path::new(bad)).check().is_err(), "{bad:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_system_below_a_path_is_found_through_a_link_above_it() {
    let bench = Bench::new().await;
    let place = tempfile::tempdir_in("/var/tmp").unwrap();
    let real = place.path().join("real/app");
    let Some(_mounted) = Mounted::at(real.join("data")) else { return };
    std::os::unix::fs::symlink(place.path().join("real"), place.path().join("link")).unwrap();
    let app = place.path().join("link/app");
    let item = paths_item(Part::Complementary, &app);
    let error = item.read_preflight(&bench.run(&item.preflight())).unwrap_err().to_string();
    assert!(error.contains(&format!("mounted at `{}/data`", real.display())), "{error}");
    // Named as a path of its own it is no hole.
    let words = [&app, &app.join("data")].map(|path| path.display().to_string());
    let item = super::item(Part::Complementary, Source::Paths(words.to_vec()));
    item.read_preflight(&bench.run(&item.preflight())).unwrap();
    std::fs::write(app.join("data/f"), "kept").unwrap();
    bench.back_up("b1", std::slice::from_ref(&item)).await.unwrap();
    std::fs::write(app.join("data/f"), "new").unwrap();
    bench.restore("b1", &item).await;
    assert_eq!(std::fs::read_to_string(app.join("data/f")).unwrap(), "kept");
    // A path that leads out of the one above it is not in that one's archive.
    std::fs::create_dir(place.path().join("outside")).unwrap();
    std::os::unix::fs::symlink(place.path().join("outside"), real.join("out")).unwrap();
    std::fs::create_dir(real.join("out/below")).unwrap();
    let words = [&real, &real.join("data"), &real.join("out/below")].map(|path| path.display().to_string());
    let item = super::item(Part::Complementary, Source::Paths(words.to_vec()));
    let error = item.read_preflight(&bench.run(&item.preflight())).unwrap_err().to_string();
    assert!(error.contains("leads through a symbolic link"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_size_of_a_copy_counts_holes_and_is_held_against_the_servers_disk() {
    let bench = Bench::new().await;
    let place = tempfile::tempdir_in("/var/tmp").unwrap();
    std::fs::File::create(place.path().join("sparse")).unwrap().set_len(64 << 20).unwrap();
    let item = paths_item(Part::Complementary, place.path());
    let estimate = item.read_preflight(&bench.run(&item.preflight())).unwrap();
    assert!(estimate.bytes >= 64 << 20, "{estimate:?}");
    assert!(estimate.warnings.is_empty(), "{estimate:?}");
    let stdout = b"room 70000000\nbytes 60000000\nend\n".to_vec();
    let answer = Answer { status: Status::Exited(0), stdout, stderr: Vec::new(), truncated: false };
    let estimate = item.read_preflight(&answer).unwrap();
    assert!(estimate.warnings[0].contains("has 70000000 free"), "{estimate:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_file_does_not_inherit_who_may_read_the_folder() {
    const ACCESS: &str = "system.posix_acl_access";
    let acl = |rights: [u16; 5]| {
        let entries = [(1, u32::MAX), (2, 33), (4, u32::MAX), (0x10, u32::MAX), (0x20, u32::MAX)];
        let mut bytes = 2_u32.to_le_bytes().to_vec();
        for ((tag, id), right) in entries.into_iter().zip(rights) {
            let tag: u16 = tag;
            bytes.extend([tag.to_le_bytes(), right.to_le_bytes()].concat());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    };
    let read = |path: &Path| {
        let mut value = [0_u8; 256];
        rustix::fs::getxattr(path, ACCESS, &mut value[..]).ok().map(|length| value[..length].to_vec())
    };
    let bench = Bench::new().await;
    let place = tempfile::tempdir_in("/var/tmp").unwrap();
    let tree = place.path().join("t");
    shell("cd \"$1\"; mkdir t; echo secret >t/key; chmod 640 t/key; echo shared >t/shared", place.path());
    let (mine, none) = (acl([6, 4, 4, 4, 0]), rustix::fs::XattrFlags::empty());
    if rustix::fs::setxattr(tree.join("shared"), ACCESS, &mine, none).is_err() {
        println!("left out: no access control lists here");
        return;
    }
    let item = paths_item(Part::Configuration, &tree);
    bench.back_up("b1", std::slice::from_ref(&item)).await.unwrap();
    std::fs::remove_dir_all(&tree).unwrap();
    // From now on the folder above hands down that account 33 reads.
    rustix::fs::setxattr(place.path(), "system.posix_acl_default", &acl([7, 7, 5, 7, 5]), none).unwrap();
    bench.restore("b1", &item).await;
    assert_eq!(read(&tree.join("key")), None, "nobody else may read it");
    assert_eq!(read(&tree.join("shared")), Some(mine));
}

/// The archive of a small tree.
fn small_archive(bench: &Bench, place: &Path) -> (Item, Vec<u8>) {
    std::fs::write(place.join("f"), vec![b'x'; 5000]).unwrap();
    let item = paths_item(Part::Complementary, place);
    let answer = bench.run(&item.dump());
    assert!(answer.status.success());
    (item, answer.stdout)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_that_fails_or_is_cut_is_no_backup() {
    let bench = Bench::new().await;
    let place = tempfile::tempdir().unwrap();
    let (item, archive) = small_archive(&bench, place.path());
    for status in [Status::Exited(2), Status::Exited(127), Status::TimedOut, Status::Signalled("KILL".into())]
    {
        assert!(send(&bench.vault, &item, &archive, status.clone()).await.is_err(), "{status}");
    }
    for length in [0, 1, 512, 5000, 7000, archive.len() - 512, archive.len() - 1] {
        // The padding after the end marker may be cut at a block: nothing is lost then.
        let end = archive.iter().rposition(|byte| *byte != 0).unwrap();
        let whole = length % 512 == 0 && length >= end.next_multiple_of(512) + 1024;
        let sent = send(&bench.vault, &item, &archive[..length], Status::Exited(0)).await;
        assert_eq!(sent.is_ok(), whole, "cut at {length}");
        if whole {
            bench.vault.remove(&BackupId::parse("sent").unwrap()).await.unwrap();
        }
    }
    let wrong = paths_item(Part::Complementary, Path::new("/elsewhere"));
    assert!(send(&bench.vault, &wrong, &archive, Status::Exited(0)).await.is_err());
    assert!(bench.vault.list().await.unwrap().backups.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_is_copied_once_more_and_then_noted_or_refused() {
    let bench = Bench::new().await;
    let place = tempfile::tempdir().unwrap();
    let (mut item, archive) = small_archive(&bench, place.path());
    for (part, second) in [(Part::Complementary, true), (Part::Configuration, false)] {
        item.part = part;
        let mut spool = bench.vault.begin(header(part.as_str(), std::slice::from_ref(&item))).await.unwrap();
        for attempt in 1..=2 {
            let mut writer = spool.receive(&item, &Estimate::default()).await.unwrap();
            writer.write_all(&archive).await.unwrap();
            let accepted =
                spool.accept(writer, &Status::Exited(1), b"tar: f: file changed as we read it").await;
            match accepted {
                Err(error) => {
                    assert!(error.retry() == (attempt == 1) && !(attempt == 2 && second), "{error}")
                }
                Ok(manifest) => assert!(attempt == 2 && second && manifest.warnings[0].contains("changed")),
            }
        }
        assert_eq!(spool.seal().await.is_ok(), second);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_on_the_vaults_disk_is_found_and_never_restored() {
    let bench = Bench::new().await;
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("f"), vec![7; 200_000]).unwrap();
    let item = paths_item(Part::Complementary, place.path());
    let proof = bench.back_up("b1", std::slice::from_ref(&item)).await.unwrap();
    let files = [
        bench.file("b1", &item),
        bench.root.path().join("vault/b1/manifest.json.zst.age"),
        bench.root.path().join("vault/b1/summary.json"),
    ];
    for file in files {
        let whole = std::fs::read(&file).unwrap();
        for at in [0, whole.len() / 3, whole.len() / 2, whole.len() - 2] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&file, &bytes).unwrap();
            assert!(bench.vault.verify(proof.id()).await.is_err(), "{file:?}: bit at {at}");
        }
        for length in [0, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&file, &whole[..length]).unwrap();
            assert!(bench.vault.verify(proof.id()).await.is_err(), "{file:?}: cut at {length}");
        }
        std::fs::remove_file(&file).unwrap();
        assert!(bench.vault.verify(proof.id()).await.is_err(), "{file:?}: missing");
        std::fs::write(&file, &whole).unwrap();
        assert_eq!(bench.vault.verify(proof.id()).await.unwrap(), proof);
    }
    let mut bytes = std::fs::read(bench.file("b1", &item)).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    std::fs::write(bench.file("b1", &item), bytes).unwrap();
    let mut reader = bench.vault.open_item(proof.id(), &item.id).await.unwrap();
    assert!(reader.read_to_end(&mut Vec::new()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_touches_nothing_when_its_blob_is_damaged() {
    let bench = Bench::new().await;
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("f"), "old").unwrap();
    let item = paths_item(Part::Complementary, place.path());
    let proof = bench.back_up("b1", std::slice::from_ref(&item)).await.unwrap();
    std::fs::write(place.path().join("f"), "new").unwrap();
    std::fs::write(place.path().join("added"), "new").unwrap();
    let manifest = bench.vault.manifest(proof.id()).await.unwrap();
    let blobs = bench.root.path().join("blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    for bytes in [None, Some("half an archive")] {
        if let Some(bytes) = bytes {
            std::fs::write(blobs.join(manifest.items[0].digest.to_string()), bytes).unwrap();
        }
        assert!(!bench.run(&item.restore(&manifest.items[0])).status.success());
        assert_eq!(std::fs::read_to_string(place.path().join("f")).unwrap(), "new");
        assert!(place.path().join("added").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_plain_lies_in_the_vault_and_only_its_owner_can_look() {
    let bench = Bench::new().await;
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("f"), "a very secret password").unwrap();
    let item = paths_item(Part::Complementary, place.path());
    bench.back_up("b1", std::slice::from_ref(&item)).await.unwrap();
    let folder = bench.root.path().join("vault/b1");
    assert_eq!(folder.metadata().unwrap().mode() & 0o777, 0o700);
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600, "{path:?}");
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"secret"), "{path:?}");
    }
    let check = bench.vault.check_recovery(&bench.recovery).await.unwrap();
    assert_eq!((check.backup.as_str(), check.items), ("b1", 1));
    // One that is damaged is told of, and the others are found all the same.
    std::fs::create_dir(bench.root.path().join("vault/b9")).unwrap();
    std::fs::create_dir(bench.root.path().join("vault/lost+found")).unwrap();
    let check = bench.vault.check_recovery(&bench.recovery).await.unwrap();
    assert_eq!((check.backup.as_str(), check.damaged.len()), ("b1", 1));
    assert!(check.damaged[0].contains("b9/summary.json"), "{:?}", check.damaged);
    let (stranger, _) = generate_identity();
    assert!(bench.vault.check_recovery(&stranger).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn age_and_zstd_alone_open_a_backup() {
    if !is_here("age") || !is_here("zstd") {
        return;
    }
    let bench = Bench::new().await;
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("f"), "contents").unwrap();
    let item = paths_item(Part::Complementary, place.path());
    bench.back_up("b1", std::slice::from_ref(&item)).await.unwrap();
    let key = bench.root.path().join("key");
    let output = Command::new("sh")
        .args(["-c", "age -d -i \"$1\" \"$2\" | zstd -d | tar -tf -", "sh"])
        .arg(key)
        .arg(bench.file("b1", &item))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("/f\n"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_others_can_read_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let (own, recipient) = generate_identity();
    let key = root.path().join("key");
    write_identity(&key, &own).await.unwrap();
    for (mode, opens) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        let opened =
            Vault::open(&root.path().join("vault"), std::slice::from_ref(&recipient), &key, false).await;
        assert_eq!(opened.is_ok(), opens, "{mode:o}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_the_vault_stops_taking_says_why() {
    let bench = Bench::new().await;
    let item = paths_item(Part::Complementary, Path::new("/srv/x"));
    let spool_header = header("b1", std::slice::from_ref(&item));
    let mut spool = bench.vault.begin(spool_header).await.unwrap();
    let mut writer = spool.receive(&item, &Estimate::default()).await.unwrap();
    // Neither an archive nor its end: the vault gives up, and the writer breaks.
    let garbage = vec![b'x'; 1 << 20];
    while writer.write_all(&garbage).await.is_ok() {}
    let error = spool.refused(writer).await;
    assert!(matches!(error, VaultError::Backup(_)), "{error}");
    assert!(error.to_string().contains("damaged archive"), "{error}");
    let left = std::fs::read_dir(bench.root.path().join("vault/.spool-b1")).unwrap();
    assert!(left.flatten().all(|entry| entry.file_name() == "lock"), "nothing of it is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_covers_a_plan_only_with_each_of_its_items() {
    let bench = Bench::new().await;
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("f"), "x").unwrap();
    let copied = paths_item(Part::Complementary, place.path());
    let proof = bench.back_up("b1", std::slice::from_ref(&copied)).await.unwrap();
    let manifest = bench.vault.manifest(proof.id()).await.unwrap();
    let renamed = Item { id: "complementary.web-1.7".into(), ..copied.clone() };
    let log = paths_item(Part::Logs, Path::new("/var/log/x"));
    assert!(manifest.covers(&[renamed, log]));
    let elsewhere = Item { server: ServerName::parse("web-2").unwrap(), ..copied.clone() };
    let more = paths_item(Part::Complementary, Path::new("/srv/more"));
    for lacking in [elsewhere, more] {
        assert!(!manifest.covers(&[copied.clone(), lacking]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn production_needs_two_holders_and_a_key_that_reads_back() {
    let root = tempfile::tempdir().unwrap();
    let (own, recipient) = generate_identity();
    let (_, other) = generate_identity();
    let key = root.path().join("key");
    write_identity(&key, &own).await.unwrap();
    assert!(write_identity(&key, &own).await.is_err(), "a key is never overwritten");
    assert_eq!(key.metadata().unwrap().mode() & 0o777, 0o600);
    let path = root.path().join("vault");
    for (recipients, production, opens) in [
        (vec![recipient.clone()], false, true),
        (vec![recipient.clone()], true, false),
        (vec![recipient.clone(), recipient.clone()], true, false),
        (vec![recipient.clone(), other.clone()], true, true),
        (vec![other.clone()], false, false),
        (vec![], false, false),
        (vec!["age1x".into()], false, false),
    ] {
        assert_eq!(Vault::open(&path, &recipients, &key, production).await.is_ok(), opens, "{recipients:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_backup_is_swept_and_one_at_work_is_not() {
    let bench = Bench::new().await;
    let place = tempfile::tempdir().unwrap();
    let (item, archive) = small_archive(&bench, place.path());
    let items = std::slice::from_ref(&item);
    let mut spool = bench.vault.begin(header("b1", items)).await.unwrap();
    let mut writer = spool.receive(&item, &Estimate::default()).await.unwrap();
    writer.write_all(&archive[..600]).await.unwrap();
    assert!(bench.vault.sweep().await.unwrap().is_empty(), "it is at work");
    assert!(bench.vault.begin(header("b1", items)).await.is_err(), "it is at work");
    drop(writer);
    drop(spool);
    assert!(bench.vault.list().await.unwrap().backups.is_empty());
    // What is not the vault's own is not touched, whatever it is called.
    let theirs = [".git", ".snapshots", ".spool-", ".spool-no id", "lost+found"];
    let path = |name: &str| bench.root.path().join("vault").join(name);
    for name in theirs {
        std::fs::create_dir(path(name)).unwrap();
        std::fs::write(path(name).join("f"), "years of work").unwrap();
    }
    std::fs::create_dir(path(".removed-b0")).unwrap();
    assert_eq!(bench.vault.sweep().await.unwrap(), [".removed-b0", ".spool-b1"]);
    for name in theirs {
        assert_eq!(std::fs::read_dir(path(name)).unwrap().count(), 1, "{name}");
    }
    bench.back_up("b1", items).await.unwrap();
    assert!(bench.vault.begin(header("b1", items)).await.is_err(), "an id is used once");
    let listing = bench.vault.list().await.unwrap();
    assert_eq!((listing.backups.len(), listing.damaged.len()), (1, 0));
    bench.vault.remove(&BackupId::parse("b1").unwrap()).await.unwrap();
    assert!(bench.vault.list().await.unwrap().backups.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_safety_copy_takes_what_is_left_and_never_stands_for_a_backup() {
    let bench = Bench::new().await;
    let place = tempfile::tempdir().unwrap();
    let gone = place.path().join("gone");
    let item = paths_item(Part::Complementary, &gone);
    let answer = bench.run(&item.safety_dump());
    assert!(answer.status.success());
    for purpose in [Purpose::Safety, Purpose::Full] {
        let mut header = header("s1", std::slice::from_ref(&item));
        header.purpose = purpose;
        let mut spool = bench.vault.begin(header).await.unwrap();
        let mut writer = spool.receive(&item, &Estimate::default()).await.unwrap();
        writer.write_all(&answer.stdout).await.unwrap();
        let accepted = spool.accept(writer, &answer.status, &answer.stderr).await.map(|_| ());
        assert_eq!(accepted.is_ok(), purpose == Purpose::Safety);
        if purpose == Purpose::Safety {
            let summary = spool.seal_safety().await.unwrap();
            assert!(bench.vault.verify(&summary.id).await.is_err());
            bench.vault.remove(&summary.id).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_the_author_are_checked_before_they_count() {
    let bench = Bench::new().await;
    let words = |text: &str| vec!["sh".to_owned(), "-c".to_owned(), text.to_owned()];
    let custom = |dump: &str, check: &str| {
        let source = Source::Custom {
            name: "ldap".into(),
            dump: words(dump),
            load: words("cat >\"$TARGET\""),
            check: Some(words(check)),
            gone: None,
        };
        item(Part::Databases, source)
    };
    for (dump, check, passes) in [
        ("echo data", "grep -q data", true),
        ("echo data", "grep -q other", false),
        ("echo data; exit 1", "true", false),
        ("true", "true", false),
    ] {
        let item = custom(dump, check);
        let result = bench.back_up("b1", std::slice::from_ref(&item)).await;
        assert_eq!(result.is_ok(), passes, "{dump} | {check}");
        bench.vault.sweep().await.unwrap();
    }
    let mut bench = bench;
    let target = bench.root.path().join("target");
    bench.environment.push(("TARGET".into(), target.display().to_string()));
    bench.restore("b1", &custom("echo data", "grep -q data")).await;
    assert_eq!(std::fs::read_to_string(target).unwrap(), "data\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_that_fails_before_a_restore_is_no_copy_of_what_is_there() {
    let bench = Bench::new().await;
    let words = |text: &str| vec!["sh".to_owned(), "-c".to_owned(), text.to_owned()];
    for check in [None, Some("grep -q data"), Some("false")] {
        for (dump, gone, passes, copy) in [
            ("echo data; echo more", None, true, "data\nmore\n"),
            ("echo data; exit 7", None, false, ""),
            ("exit 127", None, false, ""),
            ("true", None, false, ""),
            ("exit 7", Some("true"), true, ""),
            ("exit 7", Some("false"), false, ""),
            ("echo data", Some("false"), true, "data\n"),
        ] {
            let source = Source::Custom {
                name: "ldap".into(),
                dump: words(dump),
                load: words("cat"),
                check: check.map(words),
                gone: gone.map(words),
            };
            let item = item(Part::Databases, source);
            let answer = bench.run(&item.safety_dump());
            assert_eq!(answer.status.success(), passes, "{dump} {check:?} {gone:?}");
            assert!(!passes || answer.stdout == copy.as_bytes(), "{dump} {check:?} {gone:?}");
            // `gone` is never asked for a backup.
            let whole = bench.run(&item.dump()).status.success();
            assert!(!whole || !dump.contains("exit"), "{dump} {check:?} {gone:?}");
        }
    }
    // What was recorded before there was this question is read as it was.
    let old = r#"{"custom":{"name":"ldap","dump":["a"],"load":["b"],"check":null}}"#;
    let source: Source = serde_json::from_str(old).unwrap();
    assert_eq!(serde_json::to_string(&source).unwrap(), old);
}
