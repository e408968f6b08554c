//! Who the process is for the operating system, and so for a database that trusts its word.

/// The operating-system account of this process: by its user id, never by an environment variable.
#[must_use]
pub fn account() -> String {
    let uid = rustix::process::getuid().as_raw().to_string();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("uid-{uid}"))
}
