//! What stands in the `user` label. Decides how much of a person a metric shows; refuses to know where labels go.
//!
//! The mode is applied when events are folded, so people who share a label are one series and their numbers are summed.

use std::borrow::Cow;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::event::Actor;

/// What stands in the `user` label. The stand-ins (`ghost`, `unlinked`, `unattributed`) are nobody, and are shown as
/// they are in every mode but [`UserLabels::None`].
#[derive(Debug, Clone)]
pub enum UserLabels {
    /// The login.
    Login,
    /// GitHub's numeric id. An account whose id no source told is `unlinked`: its login must not show here.
    Id,
    /// A pseudonym: the first 16 hexadecimal digits of HMAC-SHA-256 over the login in lower case. The login and not the
    /// id, because not every source tells the id, and one person must not get two pseudonyms.
    Hmac(HmacKey),
    /// Nobody: everyone is [`EVERYONE`].
    None,
}

/// The label of everyone together.
pub const EVERYONE: &str = "all";

impl UserLabels {
    /// The label of an actor.
    pub fn label<'a>(&self, actor: &'a Actor) -> Cow<'a, str> {
        match self {
            UserLabels::None => Cow::Borrowed(EVERYONE),
            _ if actor.is_stand_in() => Cow::Borrowed(&actor.login),
            UserLabels::Login => Cow::Borrowed(&actor.login),
            UserLabels::Id => match actor.id {
                Some(id) => Cow::Owned(id.to_string()),
                None => Cow::Owned(Actor::unlinked().login),
            },
            UserLabels::Hmac(key) => Cow::Owned(key.pseudonym(&actor.login)),
        }
    }
}

/// The key of the pseudonyms. Whoever has it can tell whether a login is behind one; it never shows in debug output.
#[derive(Clone)]
pub struct HmacKey(Hmac<Sha256>);

impl HmacKey {
    /// Fewer bytes than these could be guessed, and logins are public.
    pub const MIN_BYTES: usize = 16;

    /// A key of at least [`HmacKey::MIN_BYTES`] bytes.
    pub fn new(bytes: &[u8]) -> Option<HmacKey> {
        (bytes.len() >= HmacKey::MIN_BYTES)
            .then(|| HmacKey(Hmac::new_from_slice(bytes).expect("HMAC takes a key of any length")))
    }

    fn pseudonym(&self, login: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(login.to_ascii_lowercase().as_bytes());
        hex::encode(&mac.finalize().into_bytes()[..8])
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hmac() -> UserLabels {
        UserLabels::Hmac(HmacKey::new(b"0123456789abcdef").unwrap())
    }

    #[test]
    fn each_mode_shows_what_it_says() {
        let ada = Actor::new("Ada", Some(7));
        assert_eq!(UserLabels::Login.label(&ada), "Ada");
        assert_eq!(UserLabels::Id.label(&ada), "7");
        assert_eq!(UserLabels::None.label(&ada), "all");
        assert_eq!(hmac().label(&ada).len(), 16);
        assert!(
            hmac()
                .label(&ada)
                .bytes()
                .all(|digit| digit.is_ascii_hexdigit())
        );
    }

    #[test]
    fn a_pseudonym_is_keyed_and_the_same_however_the_login_is_written() {
        let of =
            |labels: &UserLabels, login: &str| labels.label(&Actor::new(login, None)).into_owned();
        let other = UserLabels::Hmac(HmacKey::new(b"another key of ours").unwrap());
        assert_eq!(of(&hmac(), "Ada"), of(&hmac(), "ada"));
        assert_ne!(of(&hmac(), "ada"), of(&hmac(), "eve"));
        assert_ne!(of(&hmac(), "ada"), of(&other, "ada"));
        // Computed with another implementation of HMAC-SHA-256.
        assert_eq!(of(&hmac(), "ada"), "83eeb38e004a2953");
    }

    #[test]
    fn a_mode_that_hides_logins_shows_none_even_where_the_id_is_unknown() {
        assert_eq!(UserLabels::Id.label(&Actor::new("ada", None)), "unlinked");
        assert_eq!(UserLabels::Id.label(&Actor::ghost()), "ghost");
        assert_eq!(hmac().label(&Actor::unattributed()), "unattributed");
    }

    #[test]
    fn a_short_key_is_refused_and_a_key_is_not_shown() {
        assert!(HmacKey::new(b"0123456789abcde").is_none());
        assert_eq!(format!("{:?}", hmac()), "Hmac(HmacKey(..))");
    }
}
