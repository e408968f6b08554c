//! Puts a whole file in place at once.

use super::{
    Content,
    attributes::Attributes,
    path::{self, Kind, Seen},
    shell,
};

/// Shell text that replaces what `seen` saw by a file with `content`.
///
/// The new file is written beside the old one, gets its owner and mode while it is still empty of
/// meaning to others (mode 0600), reaches the disk, and takes the name in one step. Access lists and
/// extended attributes of the old file are kept where `cp` can copy them. If what is there is no
/// longer what was seen, nothing is done.
pub(super) fn replace(seen: &Seen, content: &Content, attributes: &Attributes) -> String {
    let guard = match (seen.kind, seen.digest) {
        (Kind::File, Some(digest)) => format!(
            "s=$(sha256sum <\"$p\") && [ \"${{s%% *}}\" = {digest} ] || fail \"$p was changed by someone else meanwhile\"\n"
        ),
        (Kind::Link, _) => "[ -L \"$p\" ] || fail \"$p is no longer a symbolic link\"\n".to_owned(),
        _ => "if [ -e \"$p\" ] || [ -L \"$p\" ]; then fail \"$p was made by someone else meanwhile\"; fi\n"
            .to_owned(),
    };
    let keep = match seen.kind {
        Kind::File => {
            "cp --attributes-only --preserve=all -- \"$p\" \"$t\" 2>/dev/null || :\nchmod 600 \"$t\"\n"
        }
        _ => "",
    };
    let take = match seen.kind {
        // `mv` would move into the folder that the link points at.
        Kind::Link => "mv -fT -- \"$t\" \"$p\" 2>/dev/null || { rm -f -- \"$p\"; mv -f -- \"$t\" \"$p\"; }\n",
        _ => "mv -f -- \"$t\" \"$p\"\n",
    };
    let mut text = shell::CHANGE.to_owned();
    text.push_str(&path::enter(&seen.path));
    text.push_str(&guard);
    text.push_str(
        "t=$(mktemp \"$d/.esclusa.XXXXXX\")\ntrap 'rm -f -- \"$t\"' EXIT\ntrap 'exit 143' HUP INT TERM\n",
    );
    text.push_str(keep);
    text.push_str("{\n");
    text.push_str(&shell::emit(content));
    text.push_str("} >\"$t\"\n");
    text.push_str(&attributes.set("t"));
    text.push_str("sync -d \"$t\" 2>/dev/null || :\n");
    text.push_str(take);
    text.push_str("trap - EXIT\n");
    text
}
