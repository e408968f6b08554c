//! Debian packages: their versions and the files with which to go back.

use super::{PRELUDE, WORK, blob};
use crate::backup::{BackupError, Item, ItemManifest};
use crate::model::Script;
use crate::model::script::command_line;

/// Names as Debian's policy has them, perhaps with an architecture.
pub fn check(item: &Item, names: &[String]) -> Result<(), BackupError> {
    for name in names {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.:".contains(c);
        let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        if !starts_well || !name.chars().all(good) || name.len() > 128 {
            return Err(BackupError::Value {
                item: item.id.clone(),
                value: name.escape_debug().to_string(),
                reason: "is no name of a Debian package",
            });
        }
    }
    Ok(())
}

/// `installed NAME` prints a line `arch version kib` for each architecture in which it is installed.
/// `cached` is where a file lies that the module `package` installed, or that apt downloaded.
/// `half` prints the state of one whose installation began and did not end; `there` whatever is left of one.
const INSTALLED: &str = r#"half() { dpkg-query -W -f='${db:Status-Abbrev}\n' "$1" 2>/dev/null | grep -e '^.[UFH]' | head -n 1; }
there() { dpkg-query -W -f='${db:Status-Abbrev}\n' "$1" 2>/dev/null | grep -e '^.[^nc]'; }
installed() { dpkg-query -W -f='${db:Status-Abbrev}\t${Architecture}\t${Version}\t${Installed-Size}\n' "$1" 2>/dev/null | awk -F '\t' '$1 ~ /^.[iWt]/ {print $2, $3, $4 + 0}'; }
exact() { if [ "$2" = all ]; then printf '%s=%s' "${1%%:*}" "$3"; else printf '%s:%s=%s' "${1%%:*}" "$2" "$3"; fi; }
kept=/var/lib/esclusa/packages
cached() {
file="${1%%:*}_$(printf %s "$3" | sed 's/:/%3a/g')_$2.deb"
for folder in "$kept" /var/cache/apt/archives; do [ ! -f "$folder/$file" ] || break; done
printf '%s/%s' "$folder" "$file"
}
fits() { [ -f "$1" ] && [ "$(dpkg-deb -f "$1" Version 2>/dev/null)" = "$2" ] && dpkg-deb -c "$1" >/dev/null 2>&1; }
"#;

/// For each installed version: can its file be had?
pub fn preflight(names: &[String]) -> Script {
    Script::new(format!(
        r#"{PRELUDE}{INSTALLED}tool dpkg-query && tool dpkg-deb && tool apt-get && tool tar || {{ echo end; exit; }}
printf 'tool dpkg %s\n' "$(dpkg --version | head -n 1)"
any=no
for name in {names}; do
state=$(half "$name")
[ -z "$state" ] || {{ refuse "package \`$name\` is not installed to its end ($state): run \`dpkg --configure -a\` on the server first"; continue; }}
found=$(installed "$name")
if [ -z "$found" ]; then warn "package \`$name\` is not installed, so a restore removes it"; continue; fi
any=yes
while read -r arch version kib; do
printf 'bytes %s\n' $((kib * 1024))
if [ -f "$(cached "$name" "$arch" "$version")" ]; then continue; fi
if [ -n "$(apt-get download --print-uris "$(exact "$name" "$arch" "$version")" 2>/dev/null </dev/null)" ]; then continue; fi
if command -v dpkg-repack >/dev/null 2>&1; then warn "package \`$name\` $version cannot be downloaded and will be packed again from its files"; continue; fi
refuse "package \`$name\` $version is in no archive and not in apt's cache: install \`dpkg-repack\` on the server"
done <<EOF
$found
EOF
done
[ $any = yes ] || refuse 'none of the packages is installed'
echo end
"#,
        names = command_line(names)
    ))
}

/// An archive of `versions` (a line `name arch version mark file` each, `-` for what is absent),
/// `installed` (everything on the server, for people) and the package files.
pub fn dump(names: &[String], safety: bool) -> Script {
    let lost = if safety { "file=-" } else { "die \"no file of package $name $version\"" };
    Script::new(format!(
        r#"{PRELUDE}{WORK}{INSTALLED}cd "$work" && mkdir out && cd out || exit 3
: >versions
dpkg-query -W -f='${{db:Status-Abbrev}} ${{Package}} ${{Architecture}} ${{Version}}\n' >installed || exit 3
for name in {names}; do
found=$(installed "$name")
if [ -z "$found" ]; then printf '%s - - - -\n' "$name" >>versions; continue; fi
while read -r arch version kib; do
mark=manual
[ -z "$(apt-mark showauto "${{name%%:*}}:$arch" 2>/dev/null </dev/null)" ] || mark=auto
file=${{name%%:*}}_$arch.deb
from=$(cached "$name" "$arch" "$version")
rm -rf "$work/get"; mkdir "$work/get" || exit 3
if fits "$from" "$version"; then cp "$from" "$file" || exit 3
else
(cd "$work/get" && apt-get -q -o APT::Sandbox::User=root download "$(exact "$name" "$arch" "$version")" >&2 </dev/null)
set -- "$work/get"/*.deb
if ! fits "$1" "$version" && command -v dpkg-repack >/dev/null 2>&1; then
rm -f "$work/get"/*.deb
(cd "$work/get" && dpkg-repack "${{name%%:*}}:$arch" >&2 </dev/null)
set -- "$work/get"/*.deb
fi
if fits "$1" "$version"; then mv "$1" "$file" || exit 3; else {lost}; fi
fi
printf '%s %s %s %s %s\n' "$name" "$arch" "$version" "$mark" "$file" >>versions
done <<EOF
$found
EOF
done
cd / && tar -C "$work/out" -cf - . || exit 2
"#,
        names = command_line(names)
    ))
}

/// Installs the saved files at their versions and removes named packages that were not there.
///
/// What has its version and unchanged files already is left alone, so repeating costs nothing.
/// Configuration files stay as they are: the configuration part puts them back. A file that can be had
/// nowhere else is kept on the server, for the next backup.
pub fn restore(manifest: &ItemManifest) -> Script {
    Script::new(format!(
        r#"{PRELUDE}{WORK}{INSTALLED}{blob}DEBIAN_FRONTEND=noninteractive; APT_LISTCHANGES_FRONTEND=none; NEEDRESTART_SUSPEND=1
export DEBIAN_FRONTEND APT_LISTCHANGES_FRONTEND NEEDRESTART_SUSPEND
tar -C "$work" -xf - <"$blob" || die 'cannot unpack the copy'
chmod 755 "$work"; cd "$work" || exit 3
version_now() {{ dpkg-query -W -f='${{db:Status-Status}} ${{Version}}' "$1" 2>/dev/null; }}
[ -z "$(dpkg --audit 2>/dev/null)" ] || dpkg --force-confold --configure -a >&2 </dev/null
set --; added=
while read -r name arch version mark file; do
if [ "$version" = - ]; then [ -z "$(there "$name")" ] || added="$added $name"; continue; fi
[ "$file" != - ] || continue
if [ "$(version_now "${{name%%:*}}:$arch")" = "installed $version" ] && ! dpkg -V "${{name%%:*}}:$arch" 2>/dev/null | grep -v ' c /' | grep -q .; then continue; fi
chmod 644 "$file"; set -- "$@" "./$file"
done <versions
options='-q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef -o APT::Sandbox::User=root'
if [ $# -gt 0 ]; then
apt-get $options --allow-downgrades --allow-change-held-packages --reinstall --no-install-recommends install "$@" >&2 </dev/null ||
dpkg --force-downgrade --force-confold --force-confdef -i "$@" >&2 </dev/null || die 'the saved packages cannot be installed'
fi
if [ -n "$added" ]; then apt-get $options remove $added >&2 </dev/null || die 'packages that were added cannot be removed'; fi
while read -r name arch version mark file; do
[ "$version" != - ] && [ "$file" != - ] || continue
[ "$(version_now "${{name%%:*}}:$arch")" = "installed $version" ] || die "package $name is not back at $version"
[ "$mark" != auto ] || apt-mark auto "${{name%%:*}}:$arch" >/dev/null 2>&1 </dev/null
if [ ! -f "$(cached "$name" "$arch" "$version")" ] && [ -z "$(apt-get download --print-uris "$(exact "$name" "$arch" "$version")" 2>/dev/null </dev/null)" ]; then
mkdir -p "$kept" && rm -f -- "$kept/${{name%%:*}}_"*"_$arch.deb"
cp "$file" "$kept/${{name%%:*}}_$(printf %s "$version" | sed 's/:/%3a/g')_$arch.deb" || die "the file of package $name cannot be kept"
fi
done <versions
"#,
        blob = blob(manifest)
    ))
}
