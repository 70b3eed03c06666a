//! The ids of events. Decides how one fact is named, whichever of GitHub's interfaces told of it.

use jiff::Timestamp;

use super::CommentOn;

/// Of a commit: its oid.
pub fn commit(oid: &str) -> String {
    oid.to_owned()
}

/// Of an opened or merged pull request, an opened issue, or a review: GitHub's database id. The kind, which is part of
/// the key, tells these number spaces apart.
pub fn item(database_id: u64) -> String {
    database_id.to_string()
}

/// Of a close: the database id of the pull request or issue, and the second. An item can be closed more than once, and
/// only the time is carried by GraphQL, REST and webhooks alike.
pub fn close(database_id: u64, at: Timestamp) -> String {
    format!("{database_id}@{}", at.as_second())
}

/// Of a comment: conversations of issues and pull requests share one number space, diff comments have another.
pub fn comment(on: CommentOn, database_id: u64) -> String {
    match on {
        CommentOn::Issue | CommentOn::Pull => format!("issue:{database_id}"),
        CommentOn::Diff => format!("diff:{database_id}"),
    }
}
