//! What GitHub lets a login look like: letters, digits and single hyphens between them, at most 39 characters.

/// The most characters that a login has.
const LONGEST: usize = 39;

/// A name turned into a login: accents dropped where that is easy, everything else that GitHub does not allow becomes a
/// hyphen. Names in other scripts keep nothing; they become `user`.
pub(crate) fn login_form(name: &str) -> String {
    let mut login = String::new();
    for letter in name.chars().flat_map(char::to_lowercase) {
        match plain(letter) {
            Some(plain) => login.push_str(plain),
            None if letter.is_ascii_alphanumeric() => login.push(letter),
            None if login.is_empty() || login.ends_with('-') => {}
            None => login.push('-'),
        }
    }
    login.truncate(LONGEST);
    let kept = login.trim_end_matches('-').len();
    login.truncate(kept);
    if login.is_empty() {
        "user".to_owned()
    } else {
        login
    }
}

fn plain(letter: char) -> Option<&'static str> {
    Some(match letter {
        'á' | 'à' | 'â' | 'ã' | 'å' | 'ą' | 'ă' => "a",
        'ä' | 'æ' => "ae",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' => "d",
        'é' | 'è' | 'ê' | 'ë' | 'ę' | 'ě' => "e",
        'ğ' => "g",
        'í' | 'ì' | 'î' | 'ï' | 'ı' => "i",
        'ł' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ó' | 'ò' | 'ô' | 'õ' | 'ő' => "o",
        'ö' | 'ø' => "oe",
        'ř' => "r",
        'ś' | 'š' | 'ş' => "s",
        'ß' => "ss",
        'ť' => "t",
        'ú' | 'ù' | 'û' | 'ů' | 'ű' => "u",
        'ü' => "ue",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::login_form;

    #[test]
    fn a_login_has_letters_digits_and_single_hyphens() {
        assert_eq!(login_form("Zoë Dvořák"), "zoe-dvorak");
        assert_eq!(login_form("  J. R.  \"Bob\" Dobbs "), "j-r-bob-dobbs");
        assert_eq!(login_form("İşıl"), "i-sil");
        assert_eq!(login_form("יעל כהן"), "user");
        assert_eq!(login_form(""), "user");
        assert_eq!(login_form(&"long name ".repeat(9)).len(), 39);
    }
}
