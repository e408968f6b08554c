//! Entries of the account databases, asked the same way for accounts and groups.

use crate::model::script::quote;

/// Shell text that assigns `$e` the entry of `name` in `database` (`passwd`, `group`, `shadow`), or
/// nothing. `getent` also sees directories such as LDAP; without it the file is read.
pub(super) fn entry(database: &str, name: &str) -> String {
    let name = quote(name);
    format!(
        "if command -v getent >/dev/null; then e=$(getent {database} {name} || :)\n\
         else e=$(awk -F: -v n={name} '$1 == n' /etc/{database}); fi\n"
    )
}

/// Shell text that assigns `$e` the entry of the group whose number is in `$variable`, or nothing. Names can
/// hold spaces, so a list of them cannot be taken apart; numbers can.
pub(super) fn group_of_number(variable: &str) -> String {
    format!(
        "  if command -v getent >/dev/null; then e=$(getent group \"${variable}\" || :)\n  \
         else e=$(awk -F: -v n=\"${variable}\" '$3 == n' /etc/group); fi\n"
    )
}

/// Whether `text` can name an account or group that is made here.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.$".contains(c))
}
