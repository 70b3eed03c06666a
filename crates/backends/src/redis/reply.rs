//! What a script answers, read word by word.

use redis::Value;

use super::fault::Fault;

/// The words of an answer that are not read yet.
pub(super) struct Reply(std::vec::IntoIter<Value>);

const SHORT: Fault = Fault::Unreadable("an answer of too few words");
const OTHER: Fault = Fault::Unreadable("an answer of other words");

impl Reply {
    pub(super) fn of(value: Value) -> Result<Reply, Fault> {
        match value {
            Value::Array(words) => Ok(Reply(words.into_iter())),
            _ => Err(OTHER),
        }
    }

    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, Fault> {
        match self.0.next().ok_or(SHORT)? {
            Value::BulkString(bytes) => Ok(bytes),
            _ => Err(OTHER),
        }
    }

    pub(super) fn text(&mut self) -> Result<String, Fault> {
        String::from_utf8(self.bytes()?).map_err(|_error| OTHER)
    }

    pub(super) fn number<T: std::str::FromStr>(&mut self) -> Result<T, Fault> {
        self.text()?.parse().map_err(|_error| OTHER)
    }

    /// A number, or nothing where the word is empty.
    pub(super) fn number_if_any<T: std::str::FromStr>(&mut self) -> Result<Option<T>, Fault> {
        let text = self.text()?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_error| OTHER)
    }

    pub(super) fn yes(&mut self) -> Result<bool, Fault> {
        Ok(self.text()? == "1")
    }

    pub(super) fn list(&mut self) -> Result<Reply, Fault> {
        Reply::of(self.0.next().ok_or(SHORT)?)
    }

    pub(super) fn is_read(&self) -> bool {
        self.0.len() == 0
    }
}
