//! Answers in memory, for tests and for commands that end soon.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{AnswerStore, StoredAnswer};

/// Answers kept until the process ends; the oldest make room for new ones.
#[derive(Debug)]
pub struct MemoryAnswers {
    most: usize,
    kept: Mutex<Kept>,
}

type Key = (String, String);

#[derive(Debug, Default)]
struct Kept {
    answers: HashMap<Key, StoredAnswer>,
    order: VecDeque<Key>,
}

impl MemoryAnswers {
    /// Keeps at most `most` answers.
    pub fn new(most: usize) -> MemoryAnswers {
        MemoryAnswers {
            most,
            kept: Mutex::default(),
        }
    }
}

#[async_trait]
impl AnswerStore for MemoryAnswers {
    async fn get(&self, credential: &str, url: &str) -> Option<StoredAnswer> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.answers
            .get(&(credential.to_owned(), url.to_owned()))
            .cloned()
    }

    async fn put(&self, answer: StoredAnswer) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (answer.credential.clone(), answer.url.clone());
        if kept.answers.insert(key.clone(), answer).is_none() {
            kept.order.push_back(key);
        }
        while kept.order.len() > self.most {
            if let Some(oldest) = kept.order.pop_front() {
                kept.answers.remove(&oldest);
            }
        }
    }
}
