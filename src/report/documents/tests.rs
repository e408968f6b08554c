//! Every template in both languages, on facts that are full, empty or hostile.

use super::*;
use crate::report::escape as visible;

/// Words that would be a heading, a list, a link or a terminal's command.
const EVIL: &str = "# x | [y](z)\n- <b>`c`</b> {{ 7 * 7 }} \u{1b}[2J";

fn facts(text: &str) -> Facts {
    let t = || text.to_owned();
    let line =
        Line { value: t(), found: t(), unit: "ms".into(), wanted: t(), source: t(), verdict: "bad".into() };
    let sentence = Line { found: t(), ..Line::default() };
    let finding = Finding { check: t(), server: t(), verdict: "unknown".into(), lines: vec![line, sentence] };
    let test = Test {
        activity: t(),
        what: t(),
        environment: t(),
        at: t(),
        good: false,
        findings: vec![finding],
        more: 2,
    };
    Facts {
        title: t(),
        activity: "3.2.5-28".into(),
        code: "TI-P01".into(),
        version: "02".into(),
        number: "3.2.5".into(),
        procedure: t(),
        digest: "d".repeat(64),
        run: "01900000-0000-7000-8000-000000000000".into(),
        made: "2026-11-25 08:00".into(),
        requester: t(),
        reason: t(),
        opened: t(),
        what: t(),
        from: "1.2".into(),
        to: "1.3".into(),
        system: System {
            name: "wiki".into(),
            title: t(),
            objective: t(),
            origin: "in-house".into(),
            licence: t(),
            services: vec![t(), t()],
            units: vec![t()],
            owner: t(),
            owner_unit: t(),
            owner_mail: t(),
            digest: "e".repeat(64),
        },
        fields: vec![Named { name: t(), value: t() }],
        parties: vec![
            Party { role: t(), names: vec![t()], receives: false },
            Party { role: t(), names: Vec::new(), receives: true },
        ],
        places: vec![Place { environment: t(), servers: vec![t()], version: t(), run: t(), at: t() }],
        tests: vec![test],
        troubles: vec![Trouble {
            at: t(),
            activity: t(),
            place: t(),
            what: t(),
            answers: vec![t()],
            solved: String::new(),
        }],
        approvals: vec![Approval {
            at: t(),
            activity: t(),
            what: t(),
            person: t(),
            role: t(),
            approved: false,
            reason: t(),
        }],
        calls: vec![Called { activity: t(), what: t(), playbook: t(), end: t(), ..Called::default() }],
        backup: Some(Copy {
            id: t(),
            environment: t(),
            taken: t(),
            verified: t(),
            size: t(),
            manifest: "f".repeat(64),
        }),
        reversals: vec![Reversal { why: t(), backup: t(), items: vec![t()], ..Reversal::default() }],
        exceptions: vec![Exception { activity: t(), what: t(), person: t(), why: t(), until: t() }],
        evidence: vec![Evidence { activity: t(), what: t(), digest: "a".repeat(64) }],
        deeds: vec![Deed { at: t(), words: t() }],
        changes: vec![Change { at: t(), run: t(), playbook: t(), environment: t(), person: t(), good: true }],
        told: vec![Told { at: t(), activity: t(), what: t(), names: vec![t()] }],
    }
}

fn all(facts: &Facts) -> Vec<(Form, Language, String)> {
    let both = [Language::Es, Language::En];
    let render = |form, language| (form, language, render(form, facts, language).unwrap());
    Form::ALL.into_iter().flat_map(|form| both.map(|language| render(form, language))).collect()
}

#[test]
fn every_document_names_the_procedure_the_run_and_the_digest_and_fits_a_page() {
    for (form, language, text) in all(&facts("palabra corta")) {
        assert!(text.starts_with("# "), "{form} {language}: {text}");
        let foot = text.rsplit("---").next().unwrap();
        for wanted in ["TI-P01 v02", "01900000-0000-7000-8000-000000000000", &"d".repeat(64)] {
            assert!(foot.contains(wanted), "{form} {language}: no {wanted} in {foot}");
        }
        for line in text.lines() {
            assert!(visible::width(line) <= 80, "{form} {language}: {line}");
            assert_eq!(line, line.trim_end(), "{form} {language}");
        }
        assert!(!text.contains("{{") && !text.contains("{%") && !text.contains("\n\n\n"), "{form}: {text}");
    }
}

#[test]
fn both_languages_say_the_same_number_of_things_in_other_words() {
    for facts in [facts("x"), Facts::default()] {
        let texts = all(&facts);
        for pair in texts.chunks(2) {
            let ([(form, _, es), (.., en)], marks) = (pair, |text: &str| {
                text.lines()
                    .map(|line| line.split(' ').take_while(|word| "-##".contains(*word)).count())
                    .sum::<usize>()
            }) else {
                panic!("{pair:?}");
            };
            assert_ne!(es, en, "{form}");
            assert_eq!(marks(es), marks(en), "{form}:\n{es}\n{en}");
        }
    }
}

#[test]
fn nobodys_words_become_a_mark_of_the_format() {
    let (plain, hostile) = (all(&facts("x")), all(&facts(EVIL)));
    for ((form, language, plain), (.., hostile)) in plain.iter().zip(&hostile) {
        let headings = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
        assert_eq!(headings(plain), headings(hostile), "{form} {language}: {hostile}");
        let items = |text: &str| text.lines().filter(|line| line.trim_start().starts_with("- ")).count();
        assert_eq!(items(plain), items(hostile), "{form} {language}: {hostile}");
        assert!(!hostile.contains('\u{1b}') && !hostile.contains("<b>") && !hostile.contains("[y](z)"));
        assert!(!hostile.contains("49"), "{form}: a template inside of a text was rendered");
    }
}

#[test]
fn what_is_not_known_is_said_rather_than_left_out() {
    for (form, _, text) in all(&Facts::default()) {
        assert!(text.lines().count() > 5, "{form}: {text}");
    }
    let act = render(Form::DeliveryAct, &Facts::default(), Language::Es).unwrap();
    for wanted in ["No se hicieron pruebas.", "No hay copia verificada de producción.", "Nada falló."] {
        assert!(act.contains(wanted), "{act}");
    }
}

#[test]
fn a_search_names_its_words_the_catalogue_and_what_matched() {
    let one = Match {
        system: "koha".into(),
        title: "Koha".into(),
        licence: "GPL-3.0".into(),
        owner: "Ana".into(),
        matched: vec![Named { name: "objetivo".into(), value: "Catálogo".into() }],
    };
    let found = Found {
        words: "catalogo".into(),
        sheets: 3,
        digest: "d".repeat(64),
        matches: vec![one],
        unreadable: Vec::new(),
    };
    let text = search(&found, Language::Es).unwrap();
    for wanted in
        ["- Palabras: catalogo", "Koha (koha), GPL-3.0, Ana", "  - objetivo: Catálogo", &"d".repeat(64)]
    {
        assert!(text.contains(wanted), "{text}");
    }
    let none = search(&Found::default(), Language::En).unwrap();
    assert!(none.contains("None."), "{none}");
}

#[test]
fn the_longest_document_is_made_all_the_same() {
    let mut facts = facts("some words of a person");
    let finding =
        Finding { lines: vec![facts.tests[0].findings[0].lines[0].clone(); 4], ..Finding::default() };
    facts.tests[0].findings = vec![finding; 600];
    facts.troubles[0].answers = vec!["it was mended".to_owned(); 8];
    facts.troubles = vec![facts.troubles[0].clone(); 200];
    facts.deeds = vec![facts.deeds[0].clone(); 300];
    facts.evidence = vec![facts.evidence[0].clone(); 1000];
    for (form, _, text) in all(&facts) {
        assert!(text.len() > 500, "{form}");
    }
}
