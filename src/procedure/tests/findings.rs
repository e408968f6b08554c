//! What lint finds, and that it finds nothing in ours.

use super::{Memory, NUMBERS, everybody, ours, printed, read, small};
use crate::procedure::{Procedure, Rule, lint};
use std::collections::BTreeMap;

fn found(procedure: &Procedure, rule: Rule) -> Vec<String> {
    let mut ids: Vec<String> = lint(procedure, None)
        .into_iter()
        .filter(|finding| finding.rule == rule)
        .map(|finding| finding.activity.map_or_else(String::new, |id| id.short().to_owned()))
        .collect();
    ids.dedup();
    ids
}

#[test]
fn nothing_is_wrong_with_the_six_procedures() {
    for number in NUMBERS {
        let procedure = ours(number);
        let findings = lint(&procedure, Some(&everybody(&procedure)));
        let lines: Vec<String> =
            findings.iter().map(|one| format!("{}:{}: {}", one.file, one.line, one.message)).collect();
        assert!(lines.is_empty(), "{number}:\n{}", lines.join("\n"));
    }
}

#[test]
fn every_number_of_the_document_is_covered_by_ours() {
    for number in NUMBERS {
        let (ours, printed) = (ours(number), printed(number));
        let numbers = |procedure: &Procedure| {
            let ids = procedure.activities.iter().flat_map(|one| std::iter::once(&one.id).chain(&one.covers));
            ids.filter_map(|id| id.number()).collect::<std::collections::BTreeSet<u32>>()
        };
        let missing: Vec<u32> = numbers(&printed).difference(&numbers(&ours)).copied().collect();
        assert!(missing.is_empty(), "{number}: {missing:?}");
    }
}

/// What the survey of the printed text lists as blocking, by its number there.
#[test]
fn the_printed_text_has_its_blocking_flaws() {
    let cases: &[(&str, &str, Rule, &[&str])] = &[
        ("I-01, no yes and no", "3.2.1", Rule::MissingTarget, &["05"]),
        ("I-01, no number", "3.2.1", Rule::MissingNumber, &["07"]),
        (
            "unreachable",
            "3.2.1",
            Rule::Unreachable,
            &["07", "08", "09", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20"],
        ),
        ("no end from there", "3.2.1", Rule::EndUnreachable, &["01", "02", "03", "04", "05"]),
        ("I-02, falls into the next branch", "3.2.1", Rule::NoDifference, &["11", "16"]),
        ("I-02, nothing comes back", "3.2.1", Rule::ExternalWithoutReturn, &["12", "17", "19"]),
        ("I-07", "3.2.2", Rule::NoDifference, &["06"]),
        ("I-07", "3.2.3", Rule::NoDifference, &["06"]),
        ("I-07", "3.2.4", Rule::NoDifference, &["06"]),
        ("I-11", "3.2.2", Rule::EndlessLoop, &["11"]),
        ("I-11", "3.2.3", Rule::EndlessLoop, &["09", "17"]),
        ("I-15", "3.2.3", Rule::GateWithoutNo, &["16"]),
        ("I-15", "3.2.5", Rule::GateWithoutNo, &["19"]),
        ("I-16", "3.2.3", Rule::UnknownTarget, &["15", "21"]),
        ("I-18", "3.2.4", Rule::UnknownTarget, &["15", "17"]),
        ("I-18", "3.2.5", Rule::UnknownTarget, &["15", "17", "23", "25"]),
        ("I-19", "3.2.5", Rule::NoDifference, &["06"]),
        ("I-20, itself", "3.2.5", Rule::EndlessLoop, &["08"]),
        ("I-21", "3.2.5", Rule::ExternalWithoutReturn, &["07", "09"]),
        ("I-26, no end from there", "3.2.6", Rule::EndUnreachable, &["10", "11", "12", "13", "14"]),
        ("I-26, unreachable", "3.2.6", Rule::Unreachable, &["15"]),
        ("I-26, round and round", "3.2.6", Rule::EndlessLoop, &["11"]),
        ("I-22", "3.2.5", Rule::BackupWithoutNo, &["11"]),
    ];
    for (flaw, number, rule, expected) in cases {
        assert_eq!(found(&printed(number), *rule), *expected, "{flaw} in {number}");
    }
}

#[test]
fn findings_stand_at_the_line_of_the_fault() {
    let procedure = printed("3.2.5");
    let finding = lint(&procedure, None).into_iter().find(|one| one.rule == Rule::UnknownTarget).unwrap();
    let text = std::fs::read_to_string(&finding.file).unwrap();
    assert!(text.lines().nth(finding.line - 1).unwrap().contains("on_no: \"EXT:"), "{finding:?}");
}

#[test]
fn small_graphs_have_the_flaws_that_they_were_given() {
    let text = "text: {es: a, en: a}";
    let cases = [
        (
            format!("  - {{id: 01, kind: start, {text}, next: 02}}\n  - {{id: 02, kind: end, {text}}}\n"),
            vec![],
        ),
        (
            format!("  - {{id: 01, kind: start, {text}, next: 03}}\n  - {{id: 03, kind: end, {text}}}\n"),
            vec![Rule::MissingNumber],
        ),
        (
            format!(
                "  - {{id: 01, kind: start, {text}, next: 02}}\n  - {{id: 02, kind: attest, {text}, next: 03}}\n  - {{id: 03, kind: end, {text}}}\n"
            ),
            vec![Rule::NoRole],
        ),
        (
            format!(
                "  - {{id: 01, kind: start, {text}, next: 02}}\n  - {{id: 02, kind: attest, roles: [king], {text}, next: 03}}\n  - {{id: 03, kind: end, {text}}}\n"
            ),
            vec![Rule::UnknownRole],
        ),
        // Limits that open one another go round too.
        (
            format!(
                "  - {{id: 01, kind: start, {text}, next: 02}}\n  \
                 - {{id: 02, kind: decision, roles: [hand], {text}, on_yes: 04, on_no: 02, attempts: {{limit: 2, then: 03}}}}\n  \
                 - {{id: 03, kind: external, process: shop, returns: {{es: a, en: a}}, roles: [hand], {text}, next: 02}}\n  \
                 - {{id: 04, kind: end, {text}}}\n"
            ),
            vec![Rule::EndlessLoop],
        ),
        (
            format!("  - {{id: 01, kind: start, {text}, next: 01}}\n"),
            vec![Rule::NoStartOrEnd, Rule::EndUnreachable, Rule::EndlessLoop],
        ),
    ];
    for (activities, expected) in cases {
        let procedure = small(&activities);
        let mut rules: Vec<Rule> = lint(&procedure, None).into_iter().map(|finding| finding.rule).collect();
        rules.sort();
        assert_eq!(rules, expected, "{activities}");
    }
}

#[test]
fn a_role_that_nobody_has_is_found_where_it_is_waited_for() {
    let procedure = ours("3.2.5");
    let mut people = everybody(&procedure);
    people.0.retain(|name, _| name.as_str() != "dba" && name.as_str() != "unit");
    let findings = lint(&procedure, Some(&people));
    let lonely: Vec<&str> = findings.iter().map(|one| one.activity.as_ref().unwrap().short()).collect();
    assert_eq!(lonely, ["21b", "28"], "{findings:?}");
    assert!(findings.iter().all(|one| one.rule == Rule::RoleWithoutPerson));
}

#[test]
fn what_must_be_signed_needs_somebody_with_a_key() {
    let procedure = ours("3.2.1");
    let mut people = everybody(&procedure);
    people.0.values_mut().find(|person| person.name.as_str() == "unit").unwrap().keys.clear();
    let findings = lint(&procedure, Some(&people));
    let keyless: Vec<&str> = findings.iter().map(|one| one.activity.as_ref().unwrap().short()).collect();
    assert_eq!(keyless, ["11", "16"], "{findings:?}");
    assert!(findings.iter().all(|one| one.rule == Rule::RoleWithoutKey));
    // Of several who may answer alone, one with a key is enough.
    let either = small(
        "  - {id: 01, kind: start, text: {es: a, en: a}, next: 02}\n  \
         - {id: 02, kind: attest, roles: [boss, hand], signed: true, text: {es: a, en: a}, next: 03}\n  \
         - {id: 03, kind: end, text: {es: a, en: a}}\n",
    );
    let mut people = everybody(&either);
    for (name, wrong) in [("boss", 0), ("hand", 2)] {
        people.0.values_mut().find(|person| person.name.as_str() == name).unwrap().keys.clear();
        assert_eq!(lint(&either, Some(&people)).len(), wrong);
    }
}

#[test]
fn only_what_people_answer_is_signed() {
    let kinds = [
        ("attest", "roles: [boss]", true),
        ("external", "roles: [boss], process: shop, returns: {es: a, en: a}", true),
        ("record", "roles: [boss]", false),
        ("remote", "environment: test, playbook: a", false),
        ("notify", "roles: [boss]", false),
        ("test", "environment: test", false),
    ];
    for (kind, keys, signed) in kinds {
        let text = format!(
            "kind: procedure\nnumber: 9.1\ntitle: {{es: a, en: a}}\nroles: {{boss: {{es: a, en: a}}}}\n\
             processes: {{shop: {{es: a, en: a}}}}\nactivities:\n  \
             - {{id: 02, kind: {kind}, {keys}, text: {{es: a, en: a}}, next: 03, signed: true}}\n"
        );
        let column = text.lines().last().unwrap().find("true}").unwrap() + 1;
        let files = Memory(BTreeMap::from([("p.yaml".to_owned(), text)]));
        match read(&files, "p.yaml") {
            Ok(parsed) => assert!(signed && parsed.procedure.activities[0].signed, "{kind}"),
            Err(report) => {
                assert!(!signed && report.contains(&format!("p.yaml:7:{column}")), "{report}");
                assert!(report.contains(&format!("nobody answers an activity of kind `{kind}`")), "{report}");
            }
        }
    }
}

#[test]
fn a_part_must_be_given_what_it_names_and_nothing_else() {
    let part = "activities:\n  - {id: \"{{ id }}\", kind: end, text: {es: \"{{ words }}\", en: a}}\n";
    let cases = [
        ("{id: 02, words: fin}", None),
        ("{id: 02}", Some("nothing is given for `words`")),
        ("{id: 02, words: fin, wrods: x}", Some("unknown variable of this part `wrods`")),
        ("{id: 02, words: [a]}", Some("must be a text")),
    ];
    for (with, expected) in cases {
        let text = format!(
            "kind: procedure\nnumber: 9.1\ntitle: {{es: a, en: a}}\nroles: {{}}\nactivities:\n  \
             - {{id: 01, kind: start, text: {{es: a, en: a}}, next: 02}}\n  - use: part.yaml\n    with: {with}\n"
        );
        let files = Memory(BTreeMap::from([
            ("x/p.yaml".to_owned(), text),
            ("x/part.yaml".to_owned(), part.to_owned()),
        ]));
        match (read(&files, "x/p.yaml"), expected) {
            (Ok(parsed), None) => {
                let last = parsed.procedure.activities.last().unwrap();
                assert_eq!((last.id.as_str(), last.place().as_str()), ("9.1-02", "x/part.yaml:2"));
                assert_eq!(last.text.es, "fin");
            }
            (Err(report), Some(words)) => assert!(report.contains(words), "{report}"),
            (result, _) => panic!("{with}: {result:?}"),
        }
    }
}

#[test]
fn a_part_that_uses_itself_is_refused() {
    let text =
        "kind: procedure\nnumber: 9.1\ntitle: {es: a, en: a}\nroles: {}\nactivities:\n  - use: part.yaml\n";
    let part = "activities:\n  - use: part.yaml\n";
    let files = Memory(BTreeMap::from([
        ("p.yaml".to_owned(), text.to_owned()),
        ("part.yaml".to_owned(), part.to_owned()),
    ]));
    assert!(read(&files, "p.yaml").unwrap_err().contains("inside itself"));
}

#[test]
fn parts_cannot_grow_without_end() {
    let head = "kind: procedure\nnumber: 9.1\ntitle: {es: a, en: a}\nroles: {}\nactivities:\n";
    let many = |next: &str| "  - use: NEXT\n".repeat(100).replace("NEXT", next);
    let uses = BTreeMap::from([
        ("p.yaml".to_owned(), format!("{head}{}", many("1.yaml"))),
        ("1.yaml".to_owned(), format!("activities:\n{}", many("2.yaml"))),
        ("2.yaml".to_owned(), format!("activities:\n{}", many("3.yaml"))),
        ("3.yaml".to_owned(), format!("activities:\n{}", many("4.yaml"))),
        ("4.yaml".to_owned(), "activities: []\n".to_owned()),
    ]);
    let twice = |next: &str| {
        let value = "{{ a }}".repeat(200);
        format!("activities:\n  - {{use: {next}, with: {{a: \"{value}\"}}}}\n")
    };
    let text = "activities:\n  - {id: 01, kind: end, text: {es: \"{{ a }}\", en: a}}\n";
    let words = BTreeMap::from([
        ("p.yaml".to_owned(), format!("{head}  - {{use: 1.yaml, with: {{a: long}}}}\n")),
        ("1.yaml".to_owned(), twice("2.yaml")),
        ("2.yaml".to_owned(), twice("3.yaml")),
        ("3.yaml".to_owned(), twice("4.yaml")),
        ("4.yaml".to_owned(), text.to_owned()),
    ]);
    for files in [uses, words] {
        let report = read(&Memory(files), "p.yaml").unwrap_err();
        assert!(report.contains("too many activities and uses of parts"), "{report}");
    }
}
