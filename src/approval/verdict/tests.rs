use super::*;
use crate::approval::trial;
use proptest::prelude::*;

const AFTER: Timestamp = Timestamp(trial::OPENED.0 + 120_000);

fn approved(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Approved(_))
}

#[test]
fn a_director_approves_and_the_approval_ends() {
    let gate = trial::gate(&["director"], true);
    let people = trial::people();
    let open = evaluate(&gate, &[], &people, AFTER);
    let who = vec![trial::person("diana"), trial::person("dario")];
    let Verdict::Open { missing, who: mut found } = open else { panic!("{open:?}") };
    found.sort();
    assert_eq!(
        (missing, found),
        (vec![trial::role("director")], {
            let mut who = who;
            who.sort();
            who
        })
    );

    let decision = trial::decide(&gate, "diana", Decision::Approve);
    assert!(admit(&gate, &[], &decision, &people, AFTER).is_ok());
    let decisions = [decision];
    let Verdict::Approved(proof) = evaluate(&gate, &decisions, &people, AFTER) else { panic!() };
    assert!(proof.signed() && proof.covers(&gate.subject) && !proof.consents_to_weakening());
    let until = proof.valid_until().unwrap();
    assert!(proof.holds_at(until) && !proof.holds_at(until.plus_seconds(1)));
    // Whoever starts a change asks `holds_at`; what has begun is finished.
    assert!(approved(&evaluate(&gate, &decisions, &people, until.plus_seconds(1))));
    assert_eq!(evaluate(&gate, &[], &people, gate.decide_by.plus_seconds(1)), Verdict::Expired);
    assert!(!approved(&evaluate(&gate, &decisions, &people, gate.opened_at)), "from the future");
}

#[test]
fn a_rejection_wins_whenever_it_comes() {
    let gate = trial::gate(&["director"], true);
    let people = trial::people();
    let yes = trial::decide(&gate, "diana", Decision::Approve);
    let no = trial::decide(&gate, "dario", Decision::Reject);
    assert!(admit(&gate, std::slice::from_ref(&yes), &no, &people, AFTER).is_ok());
    for decisions in [[yes.clone(), no.clone()], [no.clone(), yes.clone()]] {
        let verdict = evaluate(&gate, &decisions, &people, AFTER);
        assert!(matches!(verdict, Verdict::Rejected { ref by, .. } if by.as_str() == "dario"), "{verdict:?}");
    }
    assert_eq!(admit(&gate, &[no], &yes, &people, AFTER), Err(Refusal::GateClosed));
}

#[test]
fn one_person_in_two_roles_counts_once() {
    let gate = trial::gate(&["director", "unit"], true);
    let people = trial::people();
    let dario = trial::decide(&gate, "dario", Decision::Approve);
    let again = trial::decide(&gate, "dario", Decision::Approve);
    let verdict = evaluate(&gate, &[dario.clone(), again.clone()], &people, AFTER);
    assert!(matches!(&verdict, Verdict::Open { missing, .. } if missing.len() == 1), "{verdict:?}");
    assert_eq!(
        admit(&gate, std::slice::from_ref(&dario), &again, &people, AFTER),
        Err(Refusal::AlreadyDecided { person: trial::person("dario") })
    );
    for other in ["diana", "ursula"] {
        let decisions = [dario.clone(), trial::decide(&gate, other, Decision::Approve)];
        assert!(approved(&evaluate(&gate, &decisions, &people, AFTER)), "{other}");
    }
}

#[test]
fn an_account_is_believed_only_where_the_policy_says_so() {
    let people = trial::people();
    let unsigned = |gate: &Gate, caller| RecordedDecision {
        signature: None,
        caller,
        ..trial::decide(gate, "diana", Decision::Approve)
    };
    let own = Some(Caller::Account("diana".to_owned()));
    let strict = trial::gate(&["director"], true);
    let refused = verify(&strict, &unsigned(&strict, own.clone()), &people);
    assert_eq!(refused, Err(Refusal::UnsignedNotAllowed));
    let lax = trial::gate(&["director"], false);
    for caller in [None, Some(Caller::Account("root".into())), Some(Caller::Login("diana".into()))] {
        assert_eq!(verify(&lax, &unsigned(&lax, caller), &people), Err(Refusal::UnknownCaller));
    }
    let Verdict::Approved(approved) = evaluate(&lax, &[unsigned(&lax, own)], &people, AFTER) else {
        panic!()
    };
    assert!(!approved.signed());
}

#[test]
fn whatever_is_changed_is_refused() {
    let gate = trial::gate(&["director"], true);
    let people = trial::people();
    let decision = trial::decide(&gate, "diana", Decision::Approve);
    let refused = |gate: &Gate, decision: &RecordedDecision| verify(gate, decision, &people).unwrap_err();

    let text = decision.text.replace("\"reason\":\"", "\"reason\":\"not ");
    assert_eq!(refused(&gate, &RecordedDecision { text, ..decision.clone() }), Refusal::TextChanged);
    let no = trial::decide(&gate, "diana", Decision::Reject);
    assert_eq!(refused(&gate, &RecordedDecision { text: no.text, ..decision.clone() }), Refusal::TextChanged);

    let other = crate::model::Digest::of(b"other");
    let changes: [fn(&mut Gate, crate::model::Digest); 10] = [
        |gate, other| gate.subject.release = other,
        |gate, other| gate.subject.plan = other,
        |gate, other| gate.subject.prediction = other,
        |gate, other| gate.subject.policy = other,
        |gate, _| gate.id = "another".to_owned(),
        |gate, _| gate.weakening = vec![crate::approval::Weakening::Unsigned],
        |gate, _| gate.rule.signed = false,
        |gate, _| gate.rule.valid_for_seconds += 1,
        |gate, _| gate.requested_by = trial::person("ursula"),
        |gate, _| gate.decide_by = gate.decide_by.plus_seconds(1),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut gate = gate.clone();
        change(&mut gate, other);
        assert_eq!(refused(&gate, &decision), Refusal::SubjectChanged, "change {index}");
    }
    let late = RecordedDecision { recorded_at: gate.decide_by.plus_seconds(1), ..decision.clone() };
    assert_eq!(refused(&gate, &late), Refusal::Expired);
    let early = RecordedDecision { recorded_at: gate.opened_at, ..decision.clone() };
    assert_eq!(refused(&gate, &early), Refusal::WrongTime);

    let mut others = people.clone();
    others.0.get_mut(&trial::person("diana")).unwrap().keys = vec![trial::key("mallory").public];
    assert_eq!(verify(&gate, &decision, &others), Err(Refusal::PeopleChanged));
    assert_eq!(
        evaluate(&gate, std::slice::from_ref(&decision), &others, AFTER),
        Verdict::Void(Refusal::PeopleChanged)
    );
    let mut moved = gate.clone();
    moved.people = crate::approval::people_digest(&others);
    assert_eq!(verify(&moved, &decision, &others), Err(Refusal::PeopleChanged));
    let forged = trial::decide_as(&gate, "diana", "mallory", Decision::Approve);
    assert_eq!(refused(&gate, &forged), Refusal::KeyNotListed);
}

#[test]
fn a_rule_that_asks_nobody_approves_nothing() {
    let gate = trial::gate(&[], true);
    let decisions = [trial::decide(&gate, "diana", Decision::Approve)];
    assert!(!approved(&evaluate(&gate, &decisions, &trial::people(), AFTER)));
}

#[test]
fn a_late_rejection_stops_an_approval_that_still_holds() {
    let gate = trial::gate(&["director"], true);
    let people = trial::people();
    let last = |name: &str, decision, time: Timestamp| {
        let statement = trial::statement(&gate, name, decision);
        let text = Statement { time, ..statement }.text();
        let signature = crate::approval::sign(Purpose::Decision, &text, &trial::key(name).private, None).ok();
        RecordedDecision { text, signature, caller: None, recorded_at: time }
    };
    let late = gate.decide_by.plus_seconds(60);
    let yes = last("diana", Decision::Approve, gate.decide_by);
    let no = last("dario", Decision::Reject, late);
    assert!(approved(&evaluate(&gate, std::slice::from_ref(&yes), &people, late)));
    assert!(admit(&gate, std::slice::from_ref(&yes), &no, &people, late).is_ok());
    assert!(matches!(evaluate(&gate, &[yes, no.clone()], &people, late), Verdict::Rejected { .. }));
    assert_eq!(admit(&gate, &[], &no, &people, late), Err(Refusal::Expired));
    let yes = last("diana", Decision::Approve, late);
    assert_eq!(verify(&gate, &yes, &people), Err(Refusal::Expired));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_sequence_by_those_who_may_not_ever_approves(
        acts in prop::collection::vec((0usize..5, any::<bool>(), any::<bool>()), 0..12),
        signed in any::<bool>(),
    ) {
        let gate = trial::gate(&["director", "unit"], signed);
        let people = trial::people();
        // The machine, the requester, a stranger, somebody forged, and one director as often as they like.
        let names = ["robot", "pablo", "nobody", "diana", "dario"];
        let decisions: Vec<_> = acts
            .into_iter()
            .map(|(who, forge, strip)| {
                let name = names[who];
                let key = if forge || name == "diana" { "mallory" } else { name };
                let mut decision = trial::decide_as(&gate, name, key, Decision::Approve);
                if strip {
                    // Recorded by a process that nobody's account stands for.
                    decision.signature = None;
                    decision.caller = Some(Caller::Account("root".to_owned()));
                }
                decision
            })
            .collect();
        for now in [gate.opened_at, AFTER, gate.decide_by, gate.decide_by.plus_seconds(1)] {
            prop_assert!(!approved(&evaluate(&gate, &decisions, &people, now)));
        }
    }

    #[test]
    fn the_verdict_is_what_the_rule_says_in_words(
        each in prop::collection::vec(prop::sample::select(vec!["director", "unit"]), 1..4),
        acts in prop::collection::vec((0usize..6, 0u8..8), 0..8),
    ) {
        let gate = trial::gate(&each, true);
        let people = trial::people();
        let names = ["diana", "dario", "ursula", "pablo", "robot", "nobody"];
        let of = |act: u8| if act == 0 { Decision::Reject } else { Decision::Approve };
        let decisions: Vec<_> =
            acts.iter().map(|(who, act)| trial::decide(&gate, names[*who], of(*act))).collect();

        let may = |name: &str| match name {
            "diana" => each.contains(&"director"),
            "ursula" => each.contains(&"unit"),
            "dario" => true,
            _ => false,
        };
        let rejected = acts.iter().any(|(who, act)| may(names[*who]) && of(*act) == Decision::Reject);
        let yes = |name| may(name) && acts.iter().any(|(who, act)| names[*who] == name && *act != 0);
        let directors = each.iter().filter(|role| **role == "director").count();
        let units = each.len() - directors;
        let short = directors.saturating_sub(usize::from(yes("diana")))
            + units.saturating_sub(usize::from(yes("ursula")));
        let enough = short <= usize::from(yes("dario"));

        let verdict = evaluate(&gate, &decisions, &people, AFTER);
        prop_assert_eq!(matches!(verdict, Verdict::Rejected { .. }), rejected);
        prop_assert_eq!(approved(&verdict), enough && !rejected);
        if let Verdict::Open { missing, .. } = verdict {
            prop_assert_eq!(missing.len(), short - usize::from(yes("dario")));
        }
    }
}
