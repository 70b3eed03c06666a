use rusqlite::Connection;

use super::*;

fn kept<T: ToSql + FromSql>(value: &T) -> (String, T) {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch("CREATE TABLE it (value ANY) STRICT")
        .unwrap();
    connection
        .execute("INSERT INTO it VALUES (?1)", [value])
        .unwrap();
    connection
        .query_row("SELECT typeof(value), value FROM it", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap()
}

#[test]
fn every_code_leads_back_to_its_value() {
    fn check<T: Coded + std::fmt::Debug>(all: &[T]) {
        assert_eq!(T::TABLE.len(), all.len());
        for value in all {
            assert_eq!(kept(&Code(*value)).1, Code(*value));
        }
    }
    check(&Kind::ALL);
    check(&ReviewState::ALL);
    check(&CommentOn::ALL);
}

#[test]
fn an_id_is_kept_in_its_shortest_form_and_comes_back_as_it_was() {
    let check = |id: &str, form: &str| {
        assert_eq!(
            kept(&EventId(id.to_owned())),
            (form.to_owned(), EventId(id.to_owned()))
        );
    };
    check("2357111317", "integer");
    check("-5", "integer");
    check("0", "integer");
    check("9223372036854775807", "integer");
    check("9223372036854775808", "text");
    check("007", "text");
    check("+7", "text");
    check("", "text");
    check("issue:12", "text");
    check("12@1700000000", "text");
    check("0123456789abcdef0123456789abcdef01234567", "blob");
    check("0123456789012345678901234567890123456789", "blob");
    check(
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "blob",
    );
    check("0123456789ABCDEF0123456789abcdef01234567", "text");
    check("0123456789abcdef", "text");
    check("0123456789abcdef0123456789abcdef0123456é", "text");
}

#[test]
fn numbers_of_64_bits_and_times_to_the_microsecond_survive() {
    for number in [0, 1, u64::from(u32::MAX), i64::MAX as u64, u64::MAX] {
        assert_eq!(kept(&Number(number)).1, Number(number));
    }
    for text in [
        "1969-12-31T23:59:59.999999Z",
        "2026-02-03T04:05:06.000007Z",
        "9999-12-30T00:00:00Z",
    ] {
        let time: Timestamp = text.parse().unwrap();
        assert_eq!(kept(&Micros(time)).1, Micros(time));
    }
}
