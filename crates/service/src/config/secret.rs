//! Secrets: they come from a file or a variable, and never go out again through a formatter.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};

/// The largest file that is read as a secret, in bytes: a private key is 3 KiB.
const LARGEST: u64 = 64 * 1024;

/// A token or key. It has no `Display` and its `Debug` says only where it came from.
#[derive(Clone)]
pub struct Secret {
    text: SecretString,
    file: Option<PathBuf>,
}

impl Secret {
    /// A secret that was given in words.
    ///
    /// # Errors
    ///
    /// An empty secret, or one that no header can carry, is refused with the reason.
    pub fn new(text: &str) -> Result<Secret, String> {
        Secret::checked(text, None)
    }

    /// A secret in a file; spaces and line ends around it are not part of it.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the file, never what is in it.
    pub fn from_file(path: &Path) -> Result<Secret, String> {
        let shown = path.display();
        let facts = std::fs::metadata(path)
            .map_err(|error| format!("cannot read {shown} ({})", reason(&error)))?;
        if facts.is_dir() {
            return Err(format!(
                "{shown} is a directory: name the file that holds the secret"
            ));
        }
        if facts.len() > LARGEST {
            return Err(format!(
                "{shown} is larger than {LARGEST} bytes: no token or key is"
            ));
        }
        let bytes = std::fs::read(path)
            .map_err(|error| format!("cannot read {shown} ({})", reason(&error)))?;
        let text = String::from_utf8(bytes).map_err(|_bytes| format!("{shown} is not text"))?;
        Secret::checked(&text, Some(path)).map_err(|reason| format!("{shown} {reason}"))
    }

    fn checked(text: &str, file: Option<&Path>) -> Result<Secret, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        if text
            .chars()
            .any(|c| c.is_control() && c != '\n' && c != '\r')
        {
            return Err("holds control characters".to_owned());
        }
        Ok(Secret {
            text: SecretString::from(text),
            file: file.map(Path::to_owned),
        })
    }

    /// The secret itself, for the one place that signs with it.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// Whether it is one line, as a token must be to fit in a header.
    pub(crate) fn is_one_line(&self) -> bool {
        self.expose().chars().all(|c| c.is_ascii_graphic())
    }

    /// The file it was read from.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

/// Why a file cannot be read, without the system's number for it.
pub(super) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(path) => write!(f, "Secret(from {})", path.display()),
            None => f.write_str("Secret(hidden)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows_itself() {
        let secret = Secret::new(" ghp_planted\n").unwrap();
        assert_eq!(secret.expose(), "ghp_planted");
        assert_eq!(format!("{secret:?}"), "Secret(hidden)");
    }

    #[test]
    fn a_file_that_holds_no_secret_is_refused_by_name_and_not_by_content() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [
            ("empty", b" \n".as_slice()),
            ("binary", b"\xff\xfe"),
            ("nul", b"planted\0"),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            let reason = Secret::from_file(&path).unwrap_err();
            assert!(
                reason.contains(name) && !reason.contains("planted"),
                "{reason}"
            );
        }
        assert!(
            Secret::from_file(folder.path())
                .unwrap_err()
                .contains("directory")
        );
        assert!(
            Secret::from_file(&folder.path().join("absent"))
                .unwrap_err()
                .contains("cannot read")
        );
    }
}
