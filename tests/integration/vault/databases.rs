//! Databases: SQLite here, PostgreSQL and MariaDB in private clusters, Debian packages by a preflight.

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
    std::os::unix::fs::chown(&path, Some(123), Some(45)).unwrap();
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
    assert_eq!(
        (std::os::unix::fs::MetadataExt::uid(&meta), std::os::unix::fs::MetadataExt::gid(&meta)),
        (123, 45)
    );
    std::fs::write(&path, "no database at all").unwrap();
    assert!(item.read_preflight(&bench.run(&item.preflight())).is_err());
    assert!(!bench.run(&item.dump()).status.success());
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
        output(Command::new("chown").arg("postgres").arg(folder.path()));
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
    cluster.ask("postgres", "create database \"Wiki db-1\" owner \"Wiki owner\"");
    cluster.ask("postgres", "alter database \"Wiki db-1\" set work_mem = '7MB'");
    cluster.ask("postgres", "revoke connect on database \"Wiki db-1\" from public");
    cluster.ask(name, "create table t as select n, repeat('x', 50) as text from generate_series(1, 5000) n; grant select on t to reader; alter table t owner to \"Wiki owner\"");
    let picture = || {
        let rows = cluster.ask(name, "select md5(string_agg(n || text, ',' order by n)) from t");
        let rights = cluster
            .ask(name, "select relacl::text, relowner::regrole::text from pg_class where relname = 't'");
        let base = cluster.ask("postgres", "select datdba::regrole::text, datacl::text, s.setconfig::text from pg_database d left join pg_db_role_setting s on s.setdatabase = d.oid where datname = 'Wiki db-1'");
        let password =
            cluster.ask("postgres", "select rolpassword from pg_authid where rolname = 'Wiki owner'");
        let tables = cluster.ask(name, "select string_agg(relname, ',' order by relname) from pg_class where relnamespace = 'public'::regnamespace");
        [rows, rights, base, password, tables]
    };
    let item = item(Part::Databases, Source::Postgresql(name.into()));
    let before = picture();
    bench.back_up("b1", std::slice::from_ref(&item)).await.unwrap();
    cluster.ask(name, "update t set text = 'new'; create table added(); revoke select on t from reader");
    cluster.ask("postgres", "alter role \"Wiki owner\" password 'second'");
    assert_ne!(picture(), before);
    bench.restore("b1", &item).await;
    assert_eq!(picture(), before);
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
        for _ in 0..150 {
            let up = Command::new("mariadb")
                .args(["-e", "select 1"])
                .env("MYSQL_UNIX_PORT", mariadb.socket())
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
        output(Command::new("mariadb").args(["-N", "-B", "-e", sql]).env("MYSQL_UNIX_PORT", self.socket()))
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
    bench.environment = vec![("MYSQL_UNIX_PORT".into(), server.socket())];
    server.ask("create database `wiki-1` character set utf8mb4 collate utf8mb4_spanish_ci; create user w@localhost identified by 'x'; grant select on `wiki-1`.* to w@localhost");
    server.ask("create table `wiki-1`.t (n int primary key, b blob, s varchar(20)) engine=innodb; insert into `wiki-1`.t values (1, x'00ff0a27', 'ñandú'), (2, null, '')");
    server.ask("create view `wiki-1`.v as select n from `wiki-1`.t; create procedure `wiki-1`.p() select 1; create trigger `wiki-1`.g before insert on `wiki-1`.t for each row set new.n = new.n + 10");
    let picture = || {
        server.ask("checksum table `wiki-1`.t extended")
            + &server.ask("select hex(b), hex(s) from `wiki-1`.t order by n")
            + &server.ask("select table_name, table_type from information_schema.tables where table_schema='wiki-1' order by 1")
            + &server.ask("select routine_name from information_schema.routines where routine_schema='wiki-1'")
            + &server.ask("select trigger_name, action_statement from information_schema.triggers where trigger_schema='wiki-1'")
            + &server.ask("select default_collation_name from information_schema.schemata where schema_name='wiki-1'")
            + &server.ask("show grants for w@localhost")
    };
    let item = item(Part::Databases, Source::Mariadb("wiki-1".into()));
    let before = picture();
    let proof = bench.back_up("b1", std::slice::from_ref(&item)).await.unwrap();
    assert!(proof.warnings().is_empty(), "{:?}", proof.warnings());
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
    if !is_here("dpkg-repack") {
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
