//! The prompt on a terminal: `script` gives the program one, the test types.

use super::{asked, ground::Ground};
use esclusa::approval::Verdict;
use std::{
    io::{Read as _, Write as _},
    path::Path,
    process::{Child, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const SIGNED: &str = "{each: [director], decide_within: 7d, valid_for: 24h}";
/// How long a terminal may show nothing new: the demonstration's takes most.
const PATIENCE: Duration = Duration::from_secs(90);
pub const DOWN: &str = "\u{1b}[B";

/// The program on a terminal of its own.
pub struct Session {
    child: Child,
    seen: Arc<Mutex<String>>,
}

impl Session {
    fn open(ground: &Ground, arguments: &str) -> Self {
        Self::start(ground.path(), arguments)
    }

    /// The program in a project's folder, with nothing else around it.
    pub fn start(folder: &Path, arguments: &str) -> Self {
        let words = format!("{} {arguments}", env!("CARGO_BIN_EXE_esclusa"));
        let mut command = std::process::Command::new("script");
        command.args(["-qec", &words, "/dev/null"]).current_dir(folder).env_clear();
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", path).env("HOME", folder.join("home")).env("LANG", "C").env("TERM", "xterm");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let seen = Arc::new(Mutex::new(String::new()));
        let (mut output, into) = (child.stdout.take().unwrap(), Arc::clone(&seen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                into.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { child, seen }
    }

    /// Waits until the terminal shows `text`, then types `keys`.
    pub fn at(&mut self, text: &str, keys: &str) {
        let begun = Instant::now();
        while !self.seen().contains(text) {
            assert!(begun.elapsed() < PATIENCE, "no {text} in\n{}", self.seen());
            std::thread::sleep(Duration::from_millis(20));
        }
        // The question is drawn before the keyboard is listened to.
        std::thread::sleep(Duration::from_millis(200));
        let input = self.child.stdin.as_mut().unwrap();
        input.write_all(keys.as_bytes()).unwrap();
        input.flush().unwrap();
    }

    fn seen(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    /// The exit code, and everything that was seen.
    pub fn end(mut self) -> (Option<i32>, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > PATIENCE {
                let _ = self.child.kill();
                panic!("still there:\n{}", self.seen());
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        std::thread::sleep(Duration::from_millis(100));
        if let Some(folder) = std::env::var_os("ESCLUSA_TEST_PAGES") {
            let file = format!("terminal-{}.txt", self.child.id());
            std::fs::write(Path::new(&folder).join(file), self.seen()).unwrap();
        }
        (status.code(), self.seen())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_director_decides_with_arrow_and_reason() {
    let ground = Ground::new(SIGNED);
    let (first, second) = (ground.waiting().await, ground.waiting().await);
    let mut session = Session::open(&ground, "approve --lang es --key key-ana");
    session.at("¿Sobre qué quiere decidir?", "\r");
    session.at("LA DECISIÓN:", &format!("{DOWN}\r"));
    session.at("Motivo:", "sí, el sábado\r");
    let (code, seen) = session.end();
    assert_eq!(code, Some(0), "{seen}");
    let mut approved = 0;
    for run in [&first, &second] {
        let asked = asked(&ground, run).await;
        if let Verdict::Approved(_) = asked.verdict {
            approved += 1;
            assert!(asked.decisions[0].text.contains("sí, el sábado"));
        }
    }
    assert_eq!(approved, 1, "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn enter_alone_decides_nothing() {
    let ground = Ground::new(SIGNED);
    let run = ground.waiting().await;
    let mut session = Session::open(&ground, "approve --lang en --key key-ana");
    session.at("THE DECISION:", "\r");
    let (code, seen) = session.end();
    assert_eq!(code, Some(10), "{seen}");
    assert!(asked(&ground, &run).await.decisions.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_decides_nothing_and_shows_the_cursor() {
    let ground = Ground::new(SIGNED);
    let run = ground.waiting().await;
    let mut session = Session::open(&ground, "approve --lang en --key key-ana");
    session.at("THE DECISION:", "\u{3}");
    let (code, seen) = session.end();
    assert_eq!(code, Some(130), "{seen}");
    let (hidden, shown) = (seen.rfind("\u{1b}[?25l"), seen.rfind("\u{1b}[?25h"));
    assert!(shown > hidden, "{seen:?}");
    let mut session = Session::open(&ground, "approve --lang en --key key-ana");
    session.at("THE DECISION:", &format!("{DOWN}\r"));
    session.at("Reason", "half a reas\u{3}");
    assert_eq!(session.end().0, Some(130));
    assert!(asked(&ground, &run).await.decisions.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_is_asked_for_unseen_after_the_decision() {
    let ground = Ground::new(SIGNED);
    let changed = std::process::Command::new("ssh-keygen")
        .args(["-q", "-p", "-P", "", "-N", "sesame-open-1", "-f"])
        .arg(ground.key("ana"))
        .output()
        .unwrap();
    assert!(changed.status.success());
    let run = ground.waiting().await;
    let mut session = Session::open(&ground, "approve --lang en --key key-ana");
    session.at("THE DECISION:", &format!("{DOWN}\r"));
    session.at("Reason", "ok\r");
    session.at("Passphrase of", "\u{3}");
    assert_eq!(session.end().0, Some(130));
    assert!(asked(&ground, &run).await.decisions.is_empty());

    let mut session = Session::open(&ground, "approve --lang en --key key-ana");
    session.at("THE DECISION:", &format!("{DOWN}\r"));
    session.at("Reason", "ok\r");
    session.at("Passphrase of", "sesame-open-1\r");
    let (code, seen) = session.end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(!seen.contains("sesame"), "{seen}");
    assert!(matches!(asked(&ground, &run).await.verdict, Verdict::Approved(_)));
}
