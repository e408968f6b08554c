use super::*;

const OLD: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJKpeh9mMdMIEkWYUZiMfhuFPeSv8ADOyjQTDp7jdz1L";
const NEW: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBuNfkm7tq9Oa0u58WeubqFlWuTIJCbW83DKY2AJzY/B";

fn pin(text: &str, keys: &[&str]) -> Result<String, EditError> {
    let keys: Vec<_> = keys.iter().map(|key| HostKey((*key).to_owned())).collect();
    let server = ServerName::parse("web-1").unwrap();
    pin_host_keys(&Source::new("inventory.yaml", text), "UTC", &server, &keys)
}

fn inventory(server: &str) -> String {
    format!(
        "# head\nenvironments:\n  test: # here\n    kind: test\n    servers:\n{server}      other: {{address: b}}\n# foot\n"
    )
}

#[test]
fn a_key_is_pinned_and_nothing_else_changes() {
    let both = format!("[{NEW}, {OLD}]");
    for (before, after, keys) in [
        (
            "      web-1:\n        address: a # why\n        groups: [web]\n".to_owned(),
            format!(
                "      web-1:\n        address: a # why\n        host_key: {NEW}\n        groups: [web]\n"
            ),
            vec![NEW],
        ),
        (
            "      web-1: {address: a, groups: [web] } # why\n".to_owned(),
            format!("      web-1: {{address: a, groups: [web], host_key: {NEW} }} # why\n"),
            vec![NEW],
        ),
        (
            format!("      web-1: {{address: a, host_key: \"{OLD} me@here\", groups: [web]}}\n"),
            format!("      web-1: {{address: a, host_key: {NEW}, groups: [web]}}\n"),
            vec![NEW],
        ),
        (
            format!("      web-1:\n        host_key: {OLD} # old\n        address: a\n"),
            format!("      web-1:\n        host_key: {both} # old\n        address: a\n"),
            vec![NEW, OLD],
        ),
        (
            format!(
                "      web-1:\n        host_key:\n          - {OLD}\n          - {NEW}\n        address: a\n"
            ),
            format!("      web-1:\n        host_key:\n          {both}\n        address: a\n"),
            vec![NEW, OLD],
        ),
        (
            "      \"web-1\":\n        \"address\": 'a'\n".to_owned(),
            format!("      \"web-1\":\n        \"address\": 'a'\n        host_key: {NEW}\n"),
            vec![NEW],
        ),
    ] {
        assert_eq!(pin(&inventory(&before), &keys).unwrap(), inventory(&after), "{before}");
    }
}

#[test]
fn what_cannot_be_edited_safely_is_left_to_a_person() {
    let aliased = "x: 1\n";
    let commented = format!(
        "      web-1:\n        address: a\n        host_key:\n          # mine\n          - {OLD}\n          # too\n          - {NEW}\n"
    );
    assert!(matches!(pin(&inventory(&commented), &[NEW]), Err(EditError::Form(_))));
    assert!(matches!(pin(aliased, &[NEW]), Err(EditError::Unreadable(_))));
    assert!(matches!(pin(&inventory(""), &[NEW]), Err(EditError::Missing(_))));
    let shared = format!(
        "environments:\n  test:\n    kind: test\n    servers:\n      one: &one {{address: a, host_key: {OLD}}}\n      web-1: *one\n"
    );
    assert!(matches!(pin(&shared, &[NEW]), Err(EditError::Form(_))), "another server would change too");
}

#[test]
fn a_secret_gets_its_source() {
    let head = "# mark\ninstitution: {name: X, zone: UTC}\n";
    let vault = "vault: {path: v}\n";
    let name = SecretName::parse("token").unwrap();
    for (before, after) in [
        (format!("{head}{vault}"), format!("{head}{vault}secrets:\n  token: {{age: secrets.age}}\n")),
        (
            format!("{head}secrets: {{}} # none\n{vault}"),
            format!("{head}secrets: {{token: {{age: secrets.age}}}} # none\n{vault}"),
        ),
        (
            format!("{head}secrets:\n    a: {{file: f}} # kept\n\n{vault}"),
            format!("{head}secrets:\n    a: {{file: f}} # kept\n    token: {{age: secrets.age}}\n\n{vault}"),
        ),
        (
            format!("{head}secrets: {{a: {{file: f}}}}\n{vault}"),
            format!("{head}secrets: {{a: {{file: f}}, token: {{age: secrets.age}}}}\n{vault}"),
        ),
    ] {
        let source = Source::new("esclusa.yaml", before.as_str());
        let project = parse_project(&source, &mut Diagnostics::default()).unwrap();
        assert_eq!(add_secret(&source, &project, &name, "secrets.age").unwrap(), after, "{before}");
    }
}
