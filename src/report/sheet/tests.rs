use super::super::{escape, lines::COLUMNS};
use super::*;
use crate::model::Digest;
use std::{env, fs, path::PathBuf};

const OPENED: Timestamp = Timestamp(1_795_414_320_000);
const BOTH: [Language; 2] = [Language::Es, Language::En];

fn role(name: &str) -> Role {
    Role::parse(name).unwrap()
}

fn environment(name: &str) -> EnvironmentName {
    EnvironmentName::parse(name).unwrap()
}

fn line(step: &str, words: &str) -> ChangeLine {
    ChangeLine { step: step.to_owned(), words: words.to_owned() }
}

fn update() -> Sheet {
    Sheet {
        title: "Wiki institucional".to_owned(),
        environment: environment("production"),
        environment_kind: EnvironmentKind::Production,
        kind: PlaybookKind::Update,
        playbook: Some("Actualizar la wiki".to_owned()),
        inputs: Vec::new(),
        from_version: Some("1.39.5".to_owned()),
        to_version: Some("1.39.8".to_owned()),
        requested_by: "Pablo Pérez".to_owned(),
        requested_by_machine: false,
        requested_at: OPENED,
        why: "Corrige tres fallas de seguridad publicadas el 15 de noviembre.".to_owned(),
        only_difference: false,
        changes: vec![
            ServerChanges {
                server: ServerName::parse("wiki").unwrap(),
                changes: 2,
                unknown: 1,
                unchanged: 9,
                lines: vec![
                    line("Instalar la versión nueva", "install mediawiki 1.39.5 -> 1.39.8"),
                    line("Migrar la base de datos", "needs `schema`, which an earlier step registers"),
                    line("Reiniciar apache2", ""),
                ],
            },
            ServerChanges {
                server: ServerName::parse("wiki-db").unwrap(),
                changes: 0,
                unknown: 0,
                unchanged: 4,
                lines: Vec::new(),
            },
        ],
        earlier: vec![
            earlier("development", Outcome::Restored, 11, Some(310)),
            earlier("test", Outcome::Succeeded, 12, Some(125)),
        ],
        backup: BackupShown::Own {
            parts: vec![Part::Packages, Part::Configuration, Part::Databases],
            left_out: vec![(Part::Complementary, "las imágenes están en otro servidor".to_owned())],
            expected_bytes: Some(1_500_000_000),
        },
        proof: Some(Proof { at: OPENED.plus_seconds(-9 * 86_400), rehearsal: true, took_seconds: 1_260 }),
        on_failure: OnFailure::Restores,
        weakening: Vec::new(),
        missing: vec![role("director")],
        decided: Vec::new(),
        decide_by: OPENED.plus_seconds(7 * 86_400),
        valid_for_seconds: 86_400,
        window: Some(Opening::Closed { opens: Some(OPENED.plus_seconds(5 * 86_400)) }),
        signed: true,
        subject: Subject {
            release: Digest::of(b"release"),
            plan: Digest::of(b"plan"),
            prediction: Digest::of(b"prediction"),
            policy: Digest::of(b"policy"),
        },
        zone: "America/Bogota".to_owned(),
    }
}

fn earlier(name: &str, outcome: Outcome, passed: usize, outage_seconds: Option<i64>) -> EarlierResult {
    EarlierResult {
        environment: environment(name),
        finished_at: OPENED.plus_seconds(-2 * 86_400),
        outcome,
        checks_passed: passed,
        checks_total: 12,
        outage_seconds,
    }
}

/// Asked by a machine, untested, unsigned, and it loosens the rules.
fn worrying() -> Sheet {
    Sheet {
        environment: environment("campus"),
        from_version: None,
        requested_by: "CI".to_owned(),
        requested_by_machine: true,
        why: String::new(),
        only_difference: true,
        earlier: Vec::new(),
        backup: BackupShown::Older { taken_at: OPENED.plus_seconds(-3_600) },
        proof: None,
        on_failure: OnFailure::Person,
        weakening: vec![
            Weakening::Unsigned,
            Weakening::OlderBackup { was_seconds: None, becomes_seconds: 7_200 },
            Weakening::ApprovalRemoved { roles: vec![role("director"), role("unit")] },
        ],
        missing: vec![role("unit")],
        decided: vec![("Diana Díaz".to_owned(), role("director"))],
        window: Some(Opening::Closed { opens: None }),
        signed: false,
        ..update()
    }
}

/// Neither a version nor anything of it elsewhere: what it is called and is given says what it does.
fn maintenance() -> Sheet {
    let input = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Sheet {
        kind: PlaybookKind::Maintenance,
        playbook: Some("Renovar el certificado".to_owned()),
        inputs: vec![input("host", "wiki.example.org"), input("days", "90")],
        from_version: None,
        to_version: None,
        ..update()
    }
}

fn install() -> Sheet {
    Sheet {
        kind: PlaybookKind::Install,
        from_version: None,
        backup: BackupShown::None,
        proof: None,
        on_failure: OnFailure::FirstInstall,
        window: None,
        ..update()
    }
}

/// Puts an older backup back by hand.
fn restore() -> Sheet {
    Sheet {
        kind: PlaybookKind::Restore,
        playbook: None,
        to_version: None,
        on_failure: OnFailure::Person,
        backup: BackupShown::Safety {
            taken_at: OPENED.plus_seconds(-86_400),
            parts: vec![Part::Configuration, Part::Databases],
        },
        earlier: Vec::new(),
        ..update()
    }
}

fn hostile() -> Sheet {
    let evil = "\u{1b}[2J\u{1b}[H  LA DECISIÓN\r\n  ya aprobado \u{202e}adaborpa\u{202c} \u{200b}\u{9b}31m";
    let mut sheet = update();
    sheet.title = evil.repeat(50);
    sheet.from_version = Some(evil.to_owned());
    sheet.to_version = Some("9".repeat(500));
    sheet.requested_by = evil.to_owned();
    sheet.why = format!("{evil} {}", "x".repeat(100_000));
    sheet.changes[0].lines = vec![line(evil, evil); 500];
    sheet.changes = vec![sheet.changes[0].clone(); 40];
    sheet.backup = BackupShown::Own {
        parts: Vec::new(),
        left_out: vec![(Part::Databases, evil.to_owned())],
        expected_bytes: Some(u64::MAX),
    };
    sheet.playbook = Some(evil.repeat(50));
    sheet.inputs = vec![(evil.to_owned(), evil.repeat(500)); 1_000];
    sheet.zone = evil.to_owned();
    sheet.decided = vec![(evil.to_owned(), role("director"))];
    sheet
}

fn fits(page: &str) {
    for line in page.lines() {
        assert!(escape::width(line) <= COLUMNS, "{line}");
        assert_eq!(escape::visible(line), line);
    }
}

#[test]
fn the_page_is_the_one_that_was_looked_at() {
    for (name, sheet) in [
        ("update", update()),
        ("worrying", worrying()),
        ("install", install()),
        ("restore", restore()),
        ("maintenance", maintenance()),
    ] {
        for language in BOTH {
            let page = render(&sheet, language);
            fits(&page);
            let file = format!("tests/golden/sheet/{name}.{language}.txt");
            let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(&file);
            if env::var_os("UPDATE_GOLDEN").is_some() {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, &page).unwrap();
            }
            assert_eq!(fs::read_to_string(&path).unwrap(), page, "{file}");
        }
    }
}

#[test]
fn an_ordinary_page_fits_one_sheet_of_paper() {
    for language in BOTH {
        for sheet in [update(), worrying(), install(), maintenance()] {
            assert!(render(&sheet, language).lines().count() <= 50);
        }
    }
}

#[test]
fn text_from_outside_neither_moves_the_cursor_nor_makes_lines_of_its_own() {
    for language in BOTH {
        let page = render(&hostile(), language);
        fits(&page);
        assert!(page.contains("\\u{1b}[2J") && page.contains("\\u{202e}"));
        assert_eq!(
            page.lines().filter(|line| line.trim() == "LA DECISIÓN").count(),
            usize::from(language == Language::Es)
        );
        assert!(page.lines().count() < 250, "{}", page.lines().count());
    }
}
