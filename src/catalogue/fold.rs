//! Letters as they are compared: small, and without accents.

/// The words of a text, folded: what stands between characters that are neither letters nor digits.
pub(super) fn words(text: &str) -> Vec<String> {
    let folded: String = text.chars().flat_map(fold).collect();
    folded
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A letter, small and without its accent; a mark that stands alone is left out.
fn fold(letter: char) -> Vec<char> {
    letter.to_lowercase().flat_map(|small| base(small).to_owned()).collect()
}

fn base(letter: char) -> Vec<char> {
    let plain = match letter {
        '\u{300}'..='\u{36f}' => return Vec::new(),
        'ß' => return vec!['s', 's'],
        'æ' => return vec!['a', 'e'],
        'œ' => return vec!['o', 'e'],
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => 'c',
        'ď' | 'đ' => 'd',
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => 'e',
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => 'g',
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => 'i',
        'ĺ' | 'ļ' | 'ľ' | 'ł' => 'l',
        'ñ' | 'ń' | 'ņ' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => 'o',
        'ŕ' | 'ŗ' | 'ř' => 'r',
        'ś' | 'ŝ' | 'ş' | 'š' => 's',
        'ţ' | 'ť' => 't',
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        other => other,
    };
    vec![plain]
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn case_and_accents_do_not_count_however_they_are_written() {
        for text in ["Gestión ACADÉMICA", "gestio\u{301}n academica", "GESTION-ACADE\u{301}MICA!"] {
            assert_eq!(words(text), ["gestion", "academica"]);
        }
        assert_eq!(words("Año Ñandú, Straße; ŒUVRE 2.0"), ["ano", "nandu", "strasse", "oeuvre", "2", "0"]);
        assert!(words(" …—\u{301} ").is_empty());
    }
}
