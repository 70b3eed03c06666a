use super::*;

fn event(id: &str, fact: Fact) -> Event {
    Event {
        id: id.to_owned(),
        at: Timestamp::from_microsecond(1_767_225_600_000_001).unwrap(),
        actor: Actor::new("ada", Some(1)),
        fact,
        version: 0,
    }
}

#[test]
fn each_id_comes_back_from_a_field_of_its_own() {
    let oid = "0123456789abcdef0123456789abcdef01234567";
    let long = format!("{oid}{}", &oid[..24]);
    let capitals = oid.to_uppercase();
    let ids = [
        "",
        "0",
        "1",
        "01",
        "+1",
        "18446744073709551615",
        "18446744073709551616",
        "issue:7",
        "issue:07",
        "diff:7",
        "7@8",
        "7@-8",
        "7@",
        "@8",
        "7@8@9",
        "märz",
        "\u{1}",
        oid,
        &long,
        &capitals,
        &oid[1..],
    ];
    let mut fields: Vec<Vec<u8>> = Vec::new();
    for told in ids {
        let field = field(told);
        assert_eq!(id(&field).unwrap(), told);
        assert!(!fields.contains(&field), "{told:?}");
        fields.push(field);
    }
    assert_eq!(field(oid).len(), 21);
    assert_eq!(field("issue:2345678901").len(), 6);
}

#[test]
fn times_and_versions_of_either_sign_come_back() {
    for micros in [
        -1,
        0,
        1,
        999_999,
        -62_135_596_800_000_000,
        253_402_207_200_000_000,
    ] {
        for version in [i64::MIN, -1, 0, 1, i64::MAX] {
            let mut event = event("1", Fact::PullOpened { number: u64::MAX });
            event.at = Timestamp::from_microsecond(micros).unwrap();
            event.version = version;
            let row = pack(&event);
            let unpacked = unpack(Kind::PullOpened, &field("1"), &row).unwrap();
            assert_eq!(unpacked.event, event);
        }
    }
}

#[test]
fn versions_of_what_may_change_compare_as_their_bytes() {
    let bytes = |version| {
        let fact = Fact::Review {
            number: 1,
            state: ReviewState::Approved,
            seconds_since_ready: None,
        };
        let row = pack(&Event {
            version,
            ..event("1", fact)
        });
        row[2..10].to_vec()
    };
    let versions = [i64::MIN, -2, -1, 0, 1, 255, 256, i64::MAX];
    assert!(versions.map(bytes).is_sorted_by(|one, other| one < other));
}

#[test]
fn a_row_that_is_cut_off_is_an_error_and_no_panic() {
    let fact = Fact::PullMerged {
        number: 300,
        merged_by: Some(Actor::new("bob", Some(2))),
        seconds_open: 86_400,
        lines: 1000,
    };
    let row = pack(&event("7", fact));
    for length in 0..row.len() {
        assert!(unpack(Kind::PullMerged, &field("7"), &row[..length]).is_err());
    }
    for kind in Kind::ALL {
        let _ = unpack(kind, b"", &[0xff; 40]);
        assert_eq!(self::kind(&code(kind).to_string()).unwrap(), kind);
    }
    assert!(kind("0").is_err() && kind("x").is_err());
}

#[test]
fn a_commit_takes_few_bytes() {
    let fact = Fact::Commit {
        additions: 120,
        deletions: 40,
        changed_files: 3,
    };
    let mut commit = event("0123456789abcdef0123456789abcdef01234567", fact);
    commit.at = Timestamp::from_second(1_767_225_600).unwrap();
    commit.actor = Actor::new("octocat-the-third", Some(12_345_678));
    assert!(pack(&commit).len() <= 32, "{}", pack(&commit).len());
}
