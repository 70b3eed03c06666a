use super::*;

#[test]
fn nothing_is_covered_at_first() {
    let coverage = Coverage::new(Timestamp::UNIX_EPOCH);
    assert_eq!(coverage.frontier(), Timestamp::UNIX_EPOCH);
    assert_eq!(coverage.covered(), []);
}
