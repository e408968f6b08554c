//! Paths inside the project, as text: the same on every machine.

/// The folder of a path, empty for the project's own folder.
#[must_use]
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// `relative` seen from `folder`, with `.` and `..` worked out; nothing if it leaves the project.
#[must_use]
pub fn join(folder: &str, relative: &str) -> Option<String> {
    if relative.starts_with('/') || relative.starts_with('~') || relative.contains('\\') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(relative.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// Where a file that a step names is looked for, in this order: beside the file that the step is
/// written in, then in the project's folder. `place` is a step's `path:line`, or a path.
#[must_use]
pub fn candidates(place: &str, name: &str) -> Vec<String> {
    let path = match place.rsplit_once(':') {
        Some((path, line)) if line.bytes().all(|digit| digit.is_ascii_digit()) => path,
        _ => place,
    };
    let mut found: Vec<String> = [join(folder(path), name), join("", name)].into_iter().flatten().collect();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside_the_project() {
        for (folder, relative, wanted) in [
            ("playbooks/wiki", "a.conf", Some("playbooks/wiki/a.conf")),
            ("playbooks/wiki", "../shared/./b.yaml", Some("playbooks/shared/b.yaml")),
            ("playbooks", "../../x", None),
            ("", "/etc/passwd", None),
            ("", "~/x", None),
            ("", ".", None),
        ] {
            assert_eq!(join(folder, relative).as_deref(), wanted, "{folder} {relative}");
        }
        assert_eq!(candidates("playbooks/w/u.yaml:7", "f"), ["playbooks/w/f", "f"]);
    }
}
