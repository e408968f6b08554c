//! Reading the artifacts of a playbook.

use super::{ArtifactOrigin, ArtifactSource, ArtifactSpec, Sha256Source, SignatureSpec};
use crate::{
    document::{Content, Decoder, Field, Kind, Node, Shape},
    expression::template::is_template,
    model::Digest,
};
use std::collections::BTreeMap;

const MINISIGN: Shape = Shape::new(
    "minisign signature",
    "A minisign signature.",
    &[
        Field::required("signature", Kind::Text, "Signature file, a path or an address."),
        Field::required("key", Kind::Text, "Public key, its base64 line."),
    ],
);
const GPG: Shape = Shape::new(
    "gpg signature",
    "A detached GPG signature.",
    &[
        Field::required("signature", Kind::Text, "Signature file, a path or an address."),
        Field::required("keyring", Kind::ProjectFile, "Keyring file of the project."),
    ],
);
const SIGNATURE: Shape = Shape::new(
    "signature",
    "A signature that must be good.",
    &[
        Field::optional("minisign", Kind::Shape(&MINISIGN), "A minisign signature."),
        Field::optional("gpg", Kind::Shape(&GPG), "A detached GPG signature."),
    ],
)
.one_of(&[&["minisign", "gpg"]]);

/// The shape of an artifact.
pub(super) const ARTIFACT: Shape = Shape::new(
    "artifact",
    "A file that comes from outside the project.",
    &[
        Field::optional("path", Kind::ProjectFile, "Where it lies, from the project's folder."),
        Field::optional("url", Kind::Text, "Where it is fetched, `https:` or `http:`."),
        Field::required(
            "sha256",
            Kind::Either(&[Kind::Text, Kind::Map(&Kind::Text)]),
            "64 digits, `{from: SHA256SUMS}`, or a digest for each version.",
        ),
        Field::optional("signature", Kind::Shape(&SIGNATURE), "A signature that must be good."),
        Field::optional("origin", Kind::Word(&["platform", "development", "vendor"]), "Who provides it."),
        Field::optional("licence", Kind::Text, "SPDX expression of its licence."),
        Field::optional("manuals", Kind::Texts, "Manuals that are kept beside it."),
    ],
)
.one_of(&[&["path", "url"]]);

/// Reads the artifacts; those with a fault are left out, the fault is recorded.
pub(super) fn read(decoder: &mut Decoder<'_>, node: &Node) -> BTreeMap<String, ArtifactSpec> {
    let mut artifacts = BTreeMap::new();
    for (key, entry) in node.entries_of("artifacts") {
        crate::inventory::variables::check_name(decoder, &key.text, key.span);
        if let Some(artifact) = artifact(decoder, entry) {
            artifacts.insert(key.text.clone(), artifact);
        }
    }
    artifacts
}

fn artifact(decoder: &mut Decoder<'_>, node: &Node) -> Option<ArtifactSpec> {
    if let Some(url) = node.get("url") {
        let text = url.scalar().unwrap_or_default();
        if !text.starts_with("https://") && !text.starts_with("http://") {
            decoder.error(url.span, "this is no address that can be fetched", "write `https://…`");
        }
    }
    let source = match node.text("path") {
        Some(path) => ArtifactSource::Path(path),
        None => ArtifactSource::Url(node.text("url")?),
    };
    let origin = node.text("origin").and_then(|word| match word.as_str() {
        "platform" => Some(ArtifactOrigin::Platform),
        "development" => Some(ArtifactOrigin::Development),
        "vendor" => Some(ArtifactOrigin::Vendor),
        _ => None,
    });
    Some(ArtifactSpec {
        source,
        sha256: digest(decoder, node.get("sha256")?)?,
        signature: node.get("signature").and_then(signature),
        origin,
        licence: node.text("licence"),
        manuals: node.texts("manuals"),
    })
}

fn signature(node: &Node) -> Option<SignatureSpec> {
    if let Some(entry) = node.get("minisign") {
        return Some(SignatureSpec::Minisign {
            signature: entry.text("signature")?,
            key: entry.text("key")?,
        });
    }
    let entry = node.get("gpg")?;
    Some(SignatureSpec::Gpg { signature: entry.text("signature")?, keyring: entry.text("keyring")? })
}

fn digest(decoder: &mut Decoder<'_>, node: &Node) -> Option<Sha256Source> {
    if let Content::Map(entries) = &node.content {
        if let [(key, from)] = entries.as_slice()
            && key.text == "from"
        {
            return Some(Sha256Source::From(from.scalar()?.to_owned()));
        }
        entries.iter().for_each(|(_, entry)| check_digest(decoder, entry));
        let digests =
            entries.iter().filter_map(|(key, entry)| Some((key.text.clone(), entry.scalar()?.to_owned())));
        return Some(Sha256Source::PerVersion(digests.collect()));
    }
    check_digest(decoder, node);
    Some(Sha256Source::Value(node.scalar()?.to_owned()))
}

fn check_digest(decoder: &mut Decoder<'_>, node: &Node) {
    let good = node.scalar().is_some_and(|text| is_template(text) || Digest::parse(text).is_some());
    if !good {
        let help = "give the 64 hexadecimal digits that `sha256sum` prints, or `{from: SHA256SUMS}`";
        decoder.error(node.span, "this is no sha256", help);
    }
}
