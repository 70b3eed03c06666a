//! A disk without room: what does not fit is refused whole, what was acknowledged stays, and room ends it.

use super::*;

/// Sets how many pages the file may have.
async fn room(store: &Sqlite, pages: i64) {
    let setting = store.write(move |connection| {
        connection.pragma_update_and_check(None, "max_page_count", pages, |_row| Ok(()))?;
        Ok(())
    });
    setting.await.unwrap();
}

#[tokio::test]
async fn a_recording_that_does_not_fit_is_refused_whole_and_fits_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let store = Sqlite::open(directory.path().join("state.db")).unwrap();
    let term = fill(&store).await;
    let before = all_of(&store).await;
    room(&store, 1).await; // SQLite takes the present size as the least.

    let many: Vec<Event> = (0..5_000)
        .map(|number| commit(100_000 + number, number))
        .collect();
    let large = part(Stream::Commits, many, Fingerprint::commits(None, None, 0));
    let refused = store
        .record(term.into(), ORG, RepoId(1), vec![large.clone()], at(9_000))
        .await;
    assert!(refused.expect_err("there is no room").is_unavailable());
    assert_eq!(all_of(&store).await, before, "nothing of it is there");

    // What needs no new page goes on.
    store
        .confirm(
            term,
            ORG,
            &[(RepoId(1), Stream::Issues)],
            at(2_000),
            at(2_000),
        )
        .await
        .unwrap();

    room(&store, 1 << 30).await;
    let recorded = store
        .record(term.into(), ORG, RepoId(1), vec![large], at(9_000))
        .await
        .unwrap();
    assert_eq!(recorded.inserted, 5_000);
}
