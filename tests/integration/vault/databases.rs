//! Databases: SQLite here, PostgreSQL and MariaDB in private clusters; and Debian packages.

use super::*;

fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sqlite_database_comes_back_while_others_write() {
    if !is_here("sqlite3") {
        return;
    }
    let bench = Bench::new().await;
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("it's a db");
    let ask = |sql: &str| output(Command::new("sqlite3").arg(&path).arg(sql));
    ask("pragma journal_mode=wal; create table t(x); insert into t values (1),(2);");
    let root = rustix::process::getuid().is_root();
    if root {
        std::os::unix::fs::chown(&path, Some(123), Some(45)).unwrap();
    }
    let item = item(Part::Databases, Source::Sqlite(path.display().to_string()));
    // A writer keeps the log open, so the file alone would not be the database.
    let mut writer =
        Command::new("sqlite3").arg(&path).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    std::io::Write::write_all(&mut writer.stdin.as_mut().unwrap(), b"insert into t values (3);\n").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    bench.back_up("b1", std::slice::from_ref(&item)).await.unwrap();
    drop(writer.stdin.take());
    writer.wait().unwrap();
    ask("delete from t; create table added(y); insert into t values (9);");
    bench.restore("b1", &item).await;
    assert_eq!(ask("select group_concat(x) from t"), "1,2,3");
    assert_eq!(ask("select count(*) from sqlite_schema where name='added'"), "0");
    let meta = path.metadata().unwrap();
    let owner = (std::os::unix::fs::MetadataExt::uid(&meta), std::os::unix::fs::MetadataExt::gid(&meta));
    assert!(!root || owner == (123, 45));
    std::fs::write(&path, "no database at all").unwrap();
    assert!(item.read_preflight(&bench.run(&item.preflight())).is_err());
    assert!(!bench.run(&item.dump()).status.success());
    // What the update damaged is copied as it is before a restore, and comes back as it was.
    let log = place.path().join("it's a db-wal");
    std::fs::write(&log, "a log").unwrap();
    let safety = bench.run(&item.safety_dump());
    assert!(safety.status.success(), "{}", String::from_utf8_lossy(&safety.stderr));
    let items = std::slice::from_ref(&item);
    let mut spool =
        bench.vault.begin(Header { purpose: Purpose::Safety, ..header("s1", items) }).await.unwrap();
    let mut writer = spool.receive(&item, &Estimate::default()).await.unwrap();
    writer.write_all(&safety.stdout).await.unwrap();
    spool.accept(writer, &safety.status, &safety.stderr).await.unwrap();
    spool.seal_safety().await.unwrap();
    bench.restore("b1", &item).await;
    assert_eq!(ask("select group_concat(x) from t"), "1,2,3");
    bench.restore("s1", &item).await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "no database at all");
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "a log");
    let meta = path.metadata().unwrap();
    let owner = (std::os::unix::fs::MetadataExt::uid(&meta), std::os::unix::fs::MetadataExt::gid(&meta));
    assert!(!root || owner == (123, 45));
}

/// A PostgreSQL cluster that lives as long as the test.
struct Cluster {
    folder: tempfile::TempDir,
    bin: PathBuf,
}

impl Cluster {
    fn start() -> Option<Self> {
        let found = std::fs::read_dir("/usr/lib/postgresql").ok();
        let bin = found.and_then(|versions| {
            versions
                .flatten()
                .map(|version| version.path().join("bin"))
                .find(|bin| bin.join("initdb").exists())
        });
        let Some(bin) = bin else {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "PostgreSQL is needed in a pipeline");
            println!("left out: PostgreSQL is not installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        if rustix::process::getuid().is_root() {
            output(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        let cluster = Self { folder, bin };
        let path = cluster.folder.path().display();
        cluster.control(&format!("initdb -D {path}/data -A trust -U postgres"));
        cluster.control(&format!(
            "pg_ctl -w -D {path}/data -l {path}/log -o '-c listen_addresses= -c fsync=off -c unix_socket_directories={path}' start"
        ));
        Some(cluster)
    }

    fn control(&self, command: &str) {
        let text = format!("cd / && {}/{command} >&2", self.bin.display());
        let words: &[&str] = if rustix::process::getuid().is_root() {
            &["runuser", "-u", "postgres", "--", "sh", "-c"]
        } else {
            &["sh", "-c"]
        };
        let status = Command::new(words[0])
            .args(&words[1..])
            .arg(text)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "{command}");
    }

    fn environment(&self) -> Vec<(String, String)> {
        let host = self.folder.path().display().to_string();
        let path = format!("{}:{}", self.bin.display(), std::env::var("PATH").unwrap());
        vec![("PGHOST".into(), host), ("PGUSER".into(), "postgres".into()), ("PATH".into(), path)]
    }

    fn ask(&self, database: &str, sql: &str) -> String {
        let mut command = Command::new(self.bin.join("psql"));
        command.envs(self.environment()).args([
            "-X",
            "-A",
            "-t",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            database,
            "-c",
            sql,
        ]);
        output(&mut command)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.control(&format!("pg_ctl -m immediate -D {}/data stop", self.folder.path().display()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_database_comes_back_with_its_roles_and_rights() {
    let Some(cluster) = Cluster::start() else { return };
    let mut bench = Bench::new().await;
    bench.environment = cluster.environment();
    let name = "Wiki db-1";
    cluster.ask("postgres", "create role \"Wiki owner\" login password 'first'");
    cluster.ask("postgres", "create role reader");
    // One of another database: a restore does not touch its password, unless it is gone.
    cluster.ask("postgres", "create role \"Other \"\"1\"\"\" login password 'one'");
    cluster.ask("postgres", "create role member login password 'one'");
    cluster.ask("postgres", "grant \"Wiki owner\" to member");
    let passwords = || {
        cluster.ask("postgres", "select string_agg(rolpassword, ' ' order by rolname) from pg_authid where rolname ~ '^(Other|member)'")
    };
    cluster.ask("postgres", "grant reader to \"Wiki owner\"");
    cluster.ask("postgres", "create database \"Wiki db-1\" owner \"Wiki owner\"");
    cluster.ask("postgres", "alter database \"Wiki db-1\" set work_mem = '7MB'");
    cluster.ask("postgres", "revoke connect on database \"Wiki db-1\" from public");
    cluster.ask(name, "create table t as select n, repeat('x', 50) as text from generate_series(1, 5000) n; grant select on t to reader; alter table t owner to \"Wiki owner\"");
    let picture = || {
        let rows = cluster.ask(name, "select md5(string_agg(n || text, ',' order by n)) from t");
        let rights = cluster
            .ask(name, "select relacl::text, relowner::regrole::text from pg_class where relname = 't'");
        let base = cluster.ask("postgres", "select datdba::regrole::text, (select string_agg(a::text, ' ' order by a::text) from unnest(datacl) a), s.setconfig::text from pg_database d left join pg_db_role_setting s on s.setdatabase = d.oid where datname = 'Wiki db-1'");
        let password =
            cluster.ask("postgres", "select rolpassword from pg_authid where rolname = 'Wiki owner'");
        let tables = cluster.ask(name, "select string_agg(relname, ',' order by relname) from pg_class where relnamespace = 'public'::regnamespace");
        let members = cluster.ask(
            "postgres",
            "select string_agg(roleid::regrole::text || member::regrole::text, ',') from pg_auth_members where roleid::regrole::text = 'reader'",
        );
        [rows, rights, base, password, tables, members]
    };
    let item = item(Part::Databases, Source::Postgresql(name.into()));
    let before = picture();
    bench.back_up("b1", std::slice::from_ref(&item)).await.unwrap();
    cluster.ask(name, "update t set text = 'new'; create table added(); revoke select on t from reader");
    cluster.ask("postgres", "alter role \"Wiki owner\" password 'second'");
    let at_first = passwords();
    cluster.ask("postgres", "alter role member password 'two'");
    assert_ne!(picture(), before);
    bench.restore("b1", &item).await;
    assert_eq!(picture(), before);
    assert_eq!(passwords(), at_first, "whoever acts for the owner gets the old password");
    cluster.ask("postgres", "alter role \"Other \"\"1\"\"\" password 'two'");
    let others = passwords();
    bench.restore("b1", &item).await;
    assert_eq!(passwords(), others, "what is another database's stays");
    cluster.ask("postgres", "drop database \"Wiki db-1\"");
    let safety = bench.run(&item.safety_dump());
    assert!(safety.status.success() && safety.stdout.is_empty());
    assert!(!bench.run(&item.dump()).status.success());
    assert!(
        item.read_preflight(&bench.run(&item.preflight()))
            .unwrap_err()
            .to_string()
            .contains("does not exist")
    );
    cluster.ask("postgres", "drop role \"Wiki owner\"");
    cluster.ask("postgres", "drop role reader");
    bench.restore("b1", &item).await;
    assert_eq!(picture(), before);
    // A cut stream and one whose archive is damaged are no copies.
    let whole = bench.run(&item.dump()).stdout;
    let globals = whole.windows(5).position(|window| window == b"PGDMP").unwrap();
    assert!(send(&bench.vault, &item, &whole[..globals], Status::Exited(0)).await.is_err());
    assert!(send(&bench.vault, &item, &whole[..20_000], Status::Exited(1)).await.is_err());
}

/// A MariaDB server that lives as long as the test.
struct Mariadb {
    folder: tempfile::TempDir,
    server: std::process::Child,
}

impl Mariadb {
    fn start() -> Option<Self> {
        if !is_here("mariadbd") || !is_here("mariadb-install-db") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display().to_string();
        let user = if rustix::process::getuid().is_root() { "--user=root" } else { "--skip-name-resolve" };
        output(
            Command::new("mariadb-install-db")
                .args(["--no-defaults", user, "--auth-root-authentication-method=socket", "--skip-test-db"])
                .arg(format!("--datadir={path}/data")),
        );
        let server = Command::new("mariadbd")
            .args(["--no-defaults", user, "--skip-networking", "--innodb-flush-log-at-trx-commit=0"])
            .args([
                format!("--datadir={path}/data"),
                format!("--socket={path}/sock"),
                format!("--pid-file={path}/pid"),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mariadb = Self { folder, server };
        let options = format!("[client]\nsocket={}\n", mariadb.socket());
        std::fs::write(mariadb.folder.path().join(".my.cnf"), options).unwrap();
        for _ in 0..150 {
            let up = Command::new("mariadb")
                .args(["-e", "select 1"])
                .env("HOME", mariadb.folder.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            if up.unwrap().success() {
                return Some(mariadb);
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        panic!("the database server does not answer");
    }

    fn socket(&self) -> String {
        format!("{}/sock", self.folder.path().display())
    }

    fn ask(&self, sql: &str) -> String {
        output(Command::new("mariadb").args(["-N", "-B", "-e", sql]).env("HOME", self.folder.path()))
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mariadb_database_comes_back_and_its_grants_stay() {
    let Some(server) = Mariadb::start() else { return };
    let mut bench = Bench::new().await;
    bench.environment = vec![("HOME".into(), server.folder.path().display().to_string())];
    server.ask("create database `wiki-1` character set utf8mb4 collate utf8mb4_spanish_ci; create user w@localhost identified by 'x'; grant select on `wiki-1`.* to w@localhost");
    server.ask("create table `wiki-1`.t (n int primary key, b blob, s varchar(20)) engine=innodb; insert into `wiki-1`.t values (1, x'00ff0a27', 'ñandú'), (2, null, '')");
    server.ask("create view `wiki-1`.v as select n from `wiki-1`.t; create procedure `wiki-1`.p() select 'a\r\nb'; create trigger `wiki-1`.g before insert on `wiki-1`.t for each row set new.n = new.n + 10");
    let picture = || {
        server.ask("checksum table `wiki-1`.t extended")
            + &server.ask("select hex(b), hex(s) from `wiki-1`.t order by n")
            + &server.ask("select table_name, table_type from information_schema.tables where table_schema='wiki-1' order by 1")
            + &server.ask("select routine_name from information_schema.routines where routine_schema='wiki-1'")
            + &server.ask("select trigger_name, action_statement from information_schema.triggers where trigger_schema='wiki-1'")
            + &server.ask("select default_collation_name from information_schema.schemata where schema_name='wiki-1'")
            + &server.ask("select hex(routine_definition) from information_schema.routines where routine_schema='wiki-1'")
            + &server.ask("select n from `wiki-1`.h for system_time all order by n")
            + &server.ask("show grants for w@localhost")
            + &server.ask("show create user w@localhost")
    };
    server.ask("create table `wiki-1`.h (n int) with system versioning; insert into `wiki-1`.h values (1)");
    server.ask("update `wiki-1`.h set n = 2");
    let item = item(Part::Databases, Source::Mariadb("wiki-1".into()));
    let before = picture();
    let proof = bench.back_up("b1", std::slice::from_ref(&item)).await.unwrap();
    assert!(proof.warnings().is_empty(), "{:?}", proof.warnings());
    server.ask("alter user w@localhost identified by 'new'; revoke select on `wiki-1`.* from w@localhost");
    server.ask("update `wiki-1`.t set s = 'new'; create table `wiki-1`.added (x int) engine=myisam; drop view `wiki-1`.v; alter database `wiki-1` collate utf8mb4_bin");
    let estimate = item.read_preflight(&bench.run(&item.preflight())).unwrap();
    assert!(estimate.warnings[0].contains("added (MyISAM)"), "{estimate:?}");
    let locked = bench.run(&item.dump());
    assert!(
        locked.status.success() && send(&bench.vault, &item, &locked.stdout, Status::Exited(0)).await.is_ok()
    );
    bench.vault.remove(&BackupId::parse("sent").unwrap()).await.unwrap();
    assert_ne!(picture(), before);
    bench.restore("b1", &item).await;
    assert_eq!(picture(), before);
    server.ask("drop database `wiki-1`");
    assert!(bench.run(&item.safety_dump()).stdout.is_empty());
    assert!(!bench.run(&item.dump()).status.success());
    bench.restore("b1", &item).await;
    assert_eq!(picture(), before);
    let whole = bench.run(&item.dump()).stdout;
    assert!(send(&bench.vault, &item, &whole[..whole.len() - 40], Status::Exited(0)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_are_copied_with_files_of_their_versions() {
    if !is_here("dpkg-repack") || !rustix::process::getuid().is_root() {
        return;
    }
    let bench = Bench::new().await;
    let names = vec!["hostname".to_owned(), "esclusa-no-such-package".to_owned()];
    let item = item(Part::Packages, Source::Apt(names));
    let proof = bench.back_up("b1", std::slice::from_ref(&item)).await.unwrap();
    assert!(proof.warnings().iter().any(|warning| warning.contains("esclusa-no-such-package")));
    let manifest = bench.vault.manifest(proof.id()).await.unwrap();
    let names: Vec<_> = manifest.items[0].files.iter().map(|file| file.path.to_string()).collect();
    assert!(
        names.contains(&"/versions".to_owned()) && names.iter().any(|name| name.ends_with(".deb")),
        "{names:?}"
    );
    // What has its version already is left alone.
    bench.restore("b1", &item).await;
    let absent = super::item(Part::Packages, Source::Apt(vec!["esclusa-no-such-package".to_owned()]));
    assert!(absent.read_preflight(&bench.run(&absent.preflight())).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_go_back_to_their_versions_and_added_ones_go() {
    // It installs packages on this machine, so it asks first.
    let asked =
        std::env::var("CI").as_deref() == Ok("true") || std::env::var("ESCLUSA_TEST_PACKAGES").is_ok();
    if !asked || !is_here("dpkg-deb") || !is_here("dpkg-repack") || !rustix::process::getuid().is_root() {
        println!("left out: needs root, dpkg-repack and ESCLUSA_TEST_PACKAGES=1");
        return;
    }
    let bench = Bench::new().await;
    let build = |name: &str, version: &str| {
        let folder = bench.root.path().join(format!("{name}-{}", version.replace(':', "_")));
        std::fs::create_dir_all(folder.join("DEBIAN")).unwrap();
        std::fs::create_dir_all(folder.join("usr/share").join(name)).unwrap();
        std::fs::write(folder.join("usr/share").join(name).join("version"), version).unwrap();
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Test <t@localhost>\nDescription: test\n"
        );
        std::fs::write(folder.join("DEBIAN/control"), control).unwrap();
        output(Command::new("chmod").args(["-R", "u=rwX,go=rX"]).arg(&folder));
        output(Command::new("dpkg-deb").args(["--root-owner-group", "-b"]).arg(&folder));
        folder.with_file_name(format!("{}.deb", folder.file_name().unwrap().to_str().unwrap()))
    };
    let (one, two) = (build("esclusa-test-one", "1:1.0-1"), build("esclusa-test-one", "1:2.0-1"));
    let added = build("esclusa-test-added", "1.0");
    output(Command::new("dpkg").arg("-i").arg(&one));
    let names = ["esclusa-test-one", "esclusa-test-added"].map(String::from);
    let item = item(Part::Packages, Source::Apt(names.into()));
    bench.back_up("b1", std::slice::from_ref(&item)).await.unwrap();
    output(Command::new("dpkg").arg("-i").args([&two, &added]));
    let file = Path::new("/usr/share/esclusa-test-one/version");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "1:2.0-1");
    bench.restore("b1", &item).await;
    assert_eq!(std::fs::read_to_string(file).unwrap(), "1:1.0-1");
    assert!(!Path::new("/usr/share/esclusa-test-added").exists());
    // A file that was changed under the package's hands comes back too.
    std::fs::write(file, "tampered").unwrap();
    bench.restore("b1", &item).await;
    assert_eq!(std::fs::read_to_string(file).unwrap(), "1:1.0-1");
    output(Command::new("dpkg").args(["-P", "esclusa-test-one"]));
    bench.restore("b1", &item).await;
    assert_eq!(std::fs::read_to_string(file).unwrap(), "1:1.0-1");
    output(Command::new("dpkg").args(["-P", "esclusa-test-one"]));
}
