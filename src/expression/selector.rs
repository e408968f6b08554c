//! Selectors: which servers, in words.

use crate::model::{EnvironmentName, Server};
use std::collections::BTreeSet;

/// Deepest nesting of parentheses and `not`.
const DEPTH_MAX: usize = 20;

/// A choice of servers: `web and not (retired or spare)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector(Term);

/// Says why a text is not a selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct SelectorError {
    /// What is wrong.
    pub what: String,
    /// First byte of the word that is wrong.
    pub start: usize,
    /// The byte after it.
    pub end: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    All,
    Name(String),
    Not(Box<Term>),
    And(Vec<Term>),
    Or(Vec<Term>),
}

impl Selector {
    /// Reads a selector. `and` binds more tightly than `or`, `not` more tightly than both.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let words = words(text);
        let mut reader = Reader { words: &words, at: 0, end: text.len() };
        let term = reader.any(0)?;
        match reader.peek() {
            None => Ok(Self(term)),
            Some((")", ..)) => Err(reader.wrong("this `)` closes nothing".to_owned())),
            Some((word, ..)) => {
                let what = format!("write `and` or `or` before `{word}`");
                Err(reader.wrong(what))
            }
        }
    }

    /// Whether it selects this server of this environment.
    ///
    /// A word means the server's name, one of its groups, or its environment's name.
    #[must_use]
    pub fn selects(&self, environment: &EnvironmentName, server: &Server) -> bool {
        holds(&self.0, &|word| {
            server.name.as_str() == word
                || environment.as_str() == word
                || server.groups.iter().any(|group| group.as_str() == word)
        })
    }

    /// The names that it mentions.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        collect(&self.0, &mut names);
        names
    }
}

fn holds(term: &Term, known: &dyn Fn(&str) -> bool) -> bool {
    match term {
        Term::All => true,
        Term::Name(name) => known(name),
        Term::Not(inner) => !holds(inner, known),
        Term::And(terms) => terms.iter().all(|term| holds(term, known)),
        Term::Or(terms) => terms.iter().any(|term| holds(term, known)),
    }
}

fn collect<'a>(term: &'a Term, names: &mut BTreeSet<&'a str>) {
    match term {
        Term::All => {}
        Term::Name(name) => {
            names.insert(name);
        }
        Term::Not(inner) => collect(inner, names),
        Term::And(terms) | Term::Or(terms) => terms.iter().for_each(|term| collect(term, names)),
    }
}

type Word<'a> = (&'a str, usize, usize);

fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, character) in text.char_indices() {
        let single = matches!(character, '(' | ')' | ',' | '!' | '&' | '|' | ':' | '*');
        if (character.is_whitespace() || single)
            && let Some(from) = start.take()
        {
            words.push((&text[from..at], from, at));
        }
        if single {
            words.push((&text[at..at + 1], at, at + 1));
        } else if !character.is_whitespace() && start.is_none() {
            start = Some(at);
        }
    }
    if let Some(from) = start {
        words.push((&text[from..], from, text.len()));
    }
    words
}

struct Reader<'a> {
    words: &'a [Word<'a>],
    at: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<Word<'a>> {
        self.words.get(self.at).copied()
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|(next, ..)| next == word);
        self.at += usize::from(found);
        found
    }

    fn wrong(&self, what: String) -> SelectorError {
        let (start, end) = self.peek().map_or((self.end, self.end), |(_, start, end)| (start, end));
        SelectorError { what, start, end }
    }

    fn any(&mut self, depth: usize) -> Result<Term, SelectorError> {
        let mut terms = vec![self.every(depth)?];
        while self.take("or") {
            terms.push(self.every(depth)?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Term::Or(terms) })
    }

    fn every(&mut self, depth: usize) -> Result<Term, SelectorError> {
        let mut terms = vec![self.one(depth)?];
        while self.take("and") {
            terms.push(self.one(depth)?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Term::And(terms) })
    }

    fn one(&mut self, depth: usize) -> Result<Term, SelectorError> {
        if depth > DEPTH_MAX {
            return Err(self.wrong("the selector is nested too deeply".to_owned()));
        }
        let Some((word, ..)) = self.peek() else {
            return Err(self.wrong("a name of a group or server is missing here".to_owned()));
        };
        match word {
            "not" => {
                self.at += 1;
                Ok(Term::Not(Box::new(self.one(depth + 1)?)))
            }
            "(" => {
                self.at += 1;
                let inner = self.any(depth + 1)?;
                if self.take(")") {
                    return Ok(inner);
                }
                Err(self.wrong("a `)` is missing here".to_owned()))
            }
            "and" | "or" | ")" => Err(self.wrong(format!("a name is missing before `{word}`"))),
            "," | "|" => Err(self.wrong(format!("write `or` instead of `{word}`"))),
            "&" | ":" => Err(self.wrong(format!("write `and` instead of `{word}`"))),
            "!" => Err(self.wrong("write `not` instead of `!`".to_owned())),
            "*" => Err(self.wrong("write `all` instead of `*`".to_owned())),
            "all" => {
                self.at += 1;
                Ok(Term::All)
            }
            name if crate::model::name::check(name).is_ok() => {
                self.at += 1;
                Ok(Term::Name(name.to_owned()))
            }
            _ => Err(self.wrong(format!("`{word}` is not a name"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(text: &str, known: &[&str]) -> bool {
        holds(&Selector::parse(text).unwrap().0, &|word| known.contains(&word))
    }

    #[test]
    fn words_choose_servers() {
        for (text, wanted) in [
            ("web", true),
            ("db", false),
            ("all", true),
            ("not db", true),
            ("web and not retired", true),
            ("db or web and retired", false),
            ("(db or web) and spare", true),
            ("not (web or db)", false),
            ("not not web", true),
        ] {
            assert_eq!(chosen(text, &["web", "spare"]), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused_at_its_place() {
        for (text, start) in [
            ("", 0),
            ("web db", 4),
            ("web,db", 3),
            ("web and", 7),
            ("(web", 4),
            ("web)", 3),
            ("!web", 0),
            ("Web", 0),
            ("*", 0),
            ("web & db", 4),
        ] {
            assert_eq!(Selector::parse(text).unwrap_err().start, start, "{text}");
        }
        assert!(Selector::parse(&"(".repeat(5000)).is_err());
        assert!(Selector::parse(&"not ".repeat(5000)).is_err());
    }

    #[test]
    fn names_are_those_that_are_mentioned() {
        assert_eq!(Selector::parse("a and not (b or all)").unwrap().names(), BTreeSet::from(["a", "b"]));
    }
}
