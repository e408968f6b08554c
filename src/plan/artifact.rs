//! What must be taken in for a release: artifacts with their templates rendered.

use super::PlanError;
use crate::{
    expression::{self, Scope},
    model::Value,
    playbook::{ArtifactSource, ArtifactSpec, Sha256Source, SignatureSpec},
};
use std::collections::BTreeMap;

/// Where an artifact is, with nothing left to render.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestedSource {
    /// A path relative to the project's folder.
    Path(String),
    /// An address.
    Url(String),
}

/// An artifact to take in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactRequest {
    /// Its name in the playbook.
    pub name: String,
    /// Where it is.
    pub source: RequestedSource,
    /// Where its digest is: a value, or a file of digests.
    pub sha256: Sha256Source,
    /// The last part of its path or address.
    pub file_name: String,
    /// The signature to verify.
    pub signature: Option<SignatureSpec>,
    /// Manuals to keep beside it.
    pub manuals: Vec<String>,
}

/// Renders what a playbook says of an artifact, with the inputs.
pub fn artifact_request(
    name: &str,
    spec: &ArtifactSpec,
    inputs: &BTreeMap<String, Value>,
) -> Result<ArtifactRequest, PlanError> {
    let mut names = inputs.clone();
    names.insert("inputs".into(), Value::Map(inputs.clone()));
    let scope = Scope::of(names);
    let one = |text: &str| {
        expression::render(text, &scope).map_err(|source| PlanError::Expression {
            place: "artifacts".to_owned(),
            step: name.to_owned(),
            source,
        })
    };
    let source = match &spec.source {
        ArtifactSource::Path(path) => RequestedSource::Path(one(path)?),
        ArtifactSource::Url(url) => RequestedSource::Url(one(url)?),
    };
    let sha256 = match &spec.sha256 {
        Sha256Source::Value(text) => Sha256Source::Value(one(text)?),
        Sha256Source::From(path) => Sha256Source::From(one(path)?),
        Sha256Source::PerVersion(digests) => {
            let version = inputs.get("version").and_then(Value::scalar).unwrap_or_default();
            let digest = digests.get(&version).ok_or_else(|| PlanError::Input {
                name: "version".to_owned(),
                why: format!("artifact `{name}` has no sha256 for `{version}`"),
            })?;
            Sha256Source::Value(digest.clone())
        }
    };
    let (RequestedSource::Path(whole) | RequestedSource::Url(whole)) = &source;
    let file_name =
        whole.split(['?', '#']).next().unwrap_or(whole).rsplit('/').next().unwrap_or(whole).to_owned();
    let signature = match &spec.signature {
        Some(SignatureSpec::Minisign { signature, key }) => {
            Some(SignatureSpec::Minisign { signature: one(signature)?, key: key.clone() })
        }
        Some(SignatureSpec::Gpg { signature, keyring }) => {
            Some(SignatureSpec::Gpg { signature: one(signature)?, keyring: keyring.clone() })
        }
        None => None,
    };
    let manuals = spec.manuals.iter().map(|manual| one(manual)).collect::<Result<_, _>>()?;
    Ok(ArtifactRequest { name: name.to_owned(), source, sha256, file_name, signature, manuals })
}

/// Checks what the caller gave against what the playbook asks for, and fills in defaults.
pub fn inputs(
    specs: &BTreeMap<String, crate::playbook::InputSpec>,
    given: &BTreeMap<String, Value>,
) -> Result<BTreeMap<String, Value>, PlanError> {
    let wrong = |name: &str, why: String| PlanError::Input { name: name.to_owned(), why };
    if let Some(name) = given.keys().find(|name| !specs.contains_key(*name)) {
        let known: Vec<_> = specs.keys().cloned().collect();
        return Err(wrong(name, format!("the playbook has no such input; it has {}", known.join(", "))));
    }
    let mut values = BTreeMap::new();
    for (name, spec) in specs {
        let value = match given.get(name).or(spec.default.as_ref()) {
            Some(value) => value.clone(),
            None if spec.required => return Err(wrong(name, format!("must be given: `-i {name}=…`"))),
            None => Value::Null,
        };
        let text = value.scalar();
        if let (Some(pattern), Some(text)) = (&spec.pattern, &text)
            && value != Value::Null
        {
            let whole = regex::Regex::new(&format!("^(?:{pattern})$"))
                .map_err(|_| wrong(name, format!("its pattern `{pattern}` is not a regular expression")))?;
            if !whole.is_match(text) {
                return Err(wrong(name, format!("`{text}` does not match `{pattern}`")));
            }
        }
        if !spec.choices.is_empty() && !text.as_ref().is_some_and(|text| spec.choices.contains(text)) {
            return Err(wrong(name, format!("must be one of {}", spec.choices.join(", "))));
        }
        values.insert(name.clone(), value);
    }
    Ok(values)
}
