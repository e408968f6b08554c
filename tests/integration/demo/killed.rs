//! `kill -9` of the controller after every event of production's update, and of the server's side
//! in the middle of a step.

use super::stage::{Said, Stage, said};
use esclusa::{
    demo::DemoFolder,
    model::RunId,
    store::{Location, Store},
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Stages that work side by side; most of the time is spent waiting.
const STAGES: usize = 3;

/// More events than the update can have.
const EVENTS_MAX: u64 = 100;

/// A stage whose production can be put back to the moment before its update.
struct Again {
    stage: Stage,
    before: tempfile::TempDir,
}

/// Where production stands after its update.
type EndState = BTreeMap<PathBuf, Vec<u8>>;

impl Again {
    fn new() -> Self {
        let stage = Stage::new();
        stage.demo(&[]).ends_with(10);
        end_waiting_run(&stage);
        let again = Self { stage, before: tempfile::tempdir().unwrap() };
        again.notes("stop");
        for (name, there) in again.places() {
            copy(&there, &again.before.path().join(name));
        }
        again
    }

    fn places(&self) -> [(&'static str, PathBuf); 2] {
        [("state", self.stage.path().join("state")), ("home", self.stage.home("production"))]
    }

    fn notes(&self, verb: &str) {
        let notes = self.stage.root("production").join("bin/notes");
        assert!(Command::new(notes).arg(verb).status().unwrap().success(), "notes {verb}");
    }

    fn put_back(&self) {
        self.notes("stop");
        for (name, there) in self.places() {
            fs::remove_dir_all(&there).unwrap();
            copy(&self.before.path().join(name), &there);
        }
        self.notes("start");
    }

    /// Updates production with the controller killed after its event number `event`, and goes on
    /// until the run has ended. Whether it was killed at all, and where production stands.
    fn update(&self, event: u64) -> (bool, EndState) {
        self.put_back();
        let dir = self.stage.dir();
        let promote = ["-C", dir, "promote", "notes", "--to", "production"];
        let resume = ["-C", dir, "resume", "latest"];
        let approve = ["-C", dir, "approve", "latest", "--decide", "approve", "--reason", "tested", "--key"];
        let key = format!("{dir}/keys/director");
        let (mut killed, mut next) = (false, &promote[..]);
        for _ in 0..8 {
            let mut command = Stage::command(next);
            if !killed {
                command.env("ESCLUSA_FAULT_KILL_AFTER_EVENT", event.to_string());
            }
            let output = command.output().unwrap();
            let text = String::from_utf8_lossy(&output.stderr);
            match (output.status.code(), output.status.signal()) {
                (None, Some(9)) => killed = true,
                (Some(10), _) => {
                    self.stage.esclusa(&[&approve[..], &[&key]].concat()).ends_with(0);
                }
                (Some(0), _) => {
                    self.judge(event);
                    return (killed, self.end_state());
                }
                other => panic!("killed after event {event}: {other:?}\n{text}"),
            }
            next = &resume;
        }
        panic!("killed after event {event}: it does not come to an end")
    }

    /// The promises: one migration, the run's own backup before its first change, nothing held.
    #[track_caller]
    fn judge(&self, event: u64) {
        let at = format!("killed after event {event}");
        assert_eq!(self.stage.version(), "2", "{at}");
        assert!(self.stage.page().contains("version 2"), "{at}");
        assert_eq!(self.stage.migrations("production"), 1, "{at}: the migration ran once");
        let (names, claims) = journal(self.stage.path());
        assert_eq!(claims, 0, "{at}: the claim ends with the run");
        let place = |name: &str| names.iter().position(|event| event == name);
        let (backup, change) = (place("backup_verified").unwrap(), place("step_started").unwrap());
        assert!(backup < change, "{at}: {names:?}");
        assert_eq!(names.last().map(String::as_str), Some("ended"), "{at}");
    }

    fn end_state(&self) -> EndState {
        self.stage.home_files()
    }
}

#[test]
fn killed_after_any_event_the_update_ends_in_the_same_state() {
    let next = AtomicU64::new(1);
    let ends: Mutex<BTreeMap<PathBuf, EndState>> = Mutex::default();
    let kills = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..STAGES {
            scope.spawn(|| {
                let again = Again::new();
                loop {
                    let event = next.fetch_add(1, Ordering::SeqCst);
                    assert!(event <= EVENTS_MAX);
                    let (killed, end) = again.update(event);
                    let mut ends = ends.lock().unwrap();
                    let first = ends.entry(again.stage.path().to_owned()).or_insert_with(|| end.clone());
                    assert_eq!(*first, end, "killed after event {event}");
                    if !killed {
                        // The run has fewer events than this.
                        return;
                    }
                    kills.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    let kills = kills.into_inner();
    assert!(kills >= 20, "the update has at least twenty events, and {kills} kills");
}

/// A stage at the gate of an update whose migration takes its time.
fn at_a_slow_step() -> (Stage, Said) {
    let stage = Stage::new();
    stage.demo(&[]).ends_with(10);
    end_waiting_run(&stage);
    let script = stage.path().join("playbooks/notes/files/notes");
    let text = fs::read_to_string(&script).unwrap();
    let slow = "migrate) echo $$ >\"$root/log/slow\"; sleep 4; part migrate";
    assert!(text.contains("migrate) part migrate"));
    fs::write(&script, text.replace("migrate) part migrate", slow)).unwrap();
    let dir = stage.dir();
    let waiting = stage.esclusa(&["-C", dir, "run", "notes/update", "-i", "version=2"]);
    waiting.ends_with(10);
    let key = format!("{dir}/keys/director");
    let approve =
        ["-C", dir, "approve", "latest", "--decide", "approve", "--reason", "tested", "--key", &key];
    stage.esclusa(&approve).ends_with(0);
    (stage, waiting)
}

/// Resumes in another thread and returns once the slow step has begun.
fn resume_until_slow(stage: &Stage) -> std::thread::JoinHandle<Said> {
    let mut command = Stage::command(&["-C", stage.dir(), "resume", "latest"]);
    let resuming = std::thread::spawn(move || said(&mut command));
    let slow = stage.root("production").join("log/slow");
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        match fs::read_to_string(&slow) {
            Ok(text) if text.ends_with('\n') => return resuming,
            _ if resuming.is_finished() => panic!("{}", resuming.join().unwrap().all()),
            _ => assert!(Instant::now() < until, "the migration does not begin"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn kill_server(stage: &Stage) {
    let pid = fs::read_to_string(stage.path().join("servers/production/pid")).unwrap();
    kill(pid.trim());
    wait_until_gone(stage);
}

/// Everything that runs on production's server is gone at once: every process that names its folder.
fn lose_power(stage: &Stage) {
    let folder = format!("{}/servers/production", stage.dir());
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let is_process = name.bytes().all(|byte| byte.is_ascii_digit());
        if is_process && String::from_utf8_lossy(&words).contains(&folder) {
            kill(&name);
        }
    }
    wait_until_gone(stage);
}

fn wait_until_gone(stage: &Stage) {
    let server = DemoFolder::find(stage.path()).unwrap().unwrap().server("production");
    let until = Instant::now() + Duration::from_secs(10);
    while server.is_running() {
        assert!(Instant::now() < until, "the server does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn kill(process: &str) {
    // One that has just ended is as good.
    let _ = Command::new("kill").args(["-9", process]).output().unwrap();
}

#[test]
fn a_step_outlives_its_server_and_is_not_run_again() {
    let (stage, _) = at_a_slow_step();
    let resuming = resume_until_slow(&stage);
    kill_server(&stage);
    std::thread::sleep(Duration::from_secs(1));
    DemoFolder::find(stage.path()).unwrap().unwrap().start().unwrap();
    let resumed = resuming.join().unwrap();
    resumed.ends_with(0);
    assert_eq!(stage.version(), "2");
    assert_eq!(stage.migrations("production"), 1);
}

#[test]
fn a_step_of_which_nothing_is_left_is_in_doubt_and_production_goes_back() {
    let (stage, _) = at_a_slow_step();
    let resuming = resume_until_slow(&stage);
    lose_power(&stage);
    DemoFolder::find(stage.path()).unwrap().unwrap().start().unwrap();
    let resumed = resuming.join().unwrap();
    resumed.says("in doubt");
    resumed.ends_with(3);
    assert_eq!(stage.version(), "1");
    assert!(stage.page().contains("version 1"), "{}", stage.page());
    assert_eq!(stage.migrations("production"), 0, "it was never run again");
}

/// The update that waits in production after the demonstration is ended: the tests open their own.
fn end_waiting_run(stage: &Stage) {
    stage.esclusa(&["-C", stage.dir(), "cancel", "latest", "--reason", "another is opened"]);
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

/// The newest run's events by name, and how many claims there are.
fn journal(project: &Path) -> (Vec<String>, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let location = Location::parse("sqlite:state/esclusa.db", project, None).unwrap();
        let store = Store::open(&location).await.unwrap();
        let run: RunId = store.find_run("latest").await.unwrap().new.id;
        let events = store.events(&run).await.unwrap();
        let names = events.iter().map(|row| {
            let body: serde_json::Value = serde_json::from_str(&row.body).unwrap();
            body["event"].as_str().unwrap().to_owned()
        });
        (names.collect(), store.claims().await.unwrap().len())
    })
}
