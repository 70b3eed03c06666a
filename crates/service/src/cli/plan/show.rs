//! The answer of `tidegate plan` for people.

use super::Answer;
use super::cost::Cost;
use crate::cli::table::Align;
use crate::cli::wrap::wrapped;
use crate::cli::{span, table};

const COLUMNS: &[Align] = &[Align::Left, Align::Right, Align::Right, Align::Right];

/// `columns` is how wide sentences may be.
pub(super) fn text(answer: &Answer, columns: usize) -> String {
    let mut text = format!("{}\n\n", wrapped(&headline(answer), columns).join("\n"));
    let (blocks, rows) = rows(answer);
    let laid_out = table::aligned(&rows, COLUMNS);
    for (number, line) in laid_out.lines().enumerate() {
        if blocks.contains(&number) {
            text.push('\n');
        }
        text.push_str(line);
        text.push('\n');
    }
    text.push('\n');
    for line in sentences(answer)
        .iter()
        .flat_map(|sentence| wrapped(sentence, columns))
    {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn headline(answer: &Answer) -> String {
    let world = &answer.world;
    format!(
        "{} in {}, {} of them active, a pass every {}",
        count(world.repos, "repository", "repositories"),
        count(world.orgs, "organisation", "organisations"),
        world.active,
        span::lasting(answer.interval_seconds),
    )
}

/// The rows of the table, and the numbers of those before which a new block begins.
fn rows(answer: &Answer) -> (Vec<usize>, Vec<Vec<String>>) {
    let row = |name: &str, cost: &Cost| {
        vec![
            name.to_owned(),
            cost.requests.to_string(),
            cost.core.to_string(),
            cost.graphql.to_string(),
        ]
    };
    let two =
        |name: String, core: String, graphql: String| vec![name, String::new(), core, graphql];
    let mut rows = vec![
        ["", "requests", "core", "graphql"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(answer.parts.iter().map(|part| row(part.part, &part.cost)));
    rows.push(row("one pass", &answer.pass));
    let mut blocks = vec![rows.len()];
    rows.push(row("the passes of an hour", &answer.passes));
    rows.push(row("second readings", &answer.daily));
    rows.push(row("an hour", &answer.hour));
    blocks.push(rows.len());
    let room = &answer.room;
    let each = match room.credentials {
        1 => String::new(),
        several => format!(", of each of {several}"),
    };
    let usable = room.usable();
    rows.push(two(
        format!("limit of an hour{each}"),
        room.limit.core.to_string(),
        room.limit.graphql.to_string(),
    ));
    rows.push(two(
        format!("reserve{each}"),
        room.reserve.core.to_string(),
        room.reserve.graphql.to_string(),
    ));
    rows.push(two(
        "used of the rest".to_owned(),
        percent(answer.hour.core, usable.core),
        percent(answer.hour.graphql, usable.graphql),
    ));
    (blocks, rows)
}

fn sentences(answer: &Answer) -> Vec<String> {
    let shortest = answer.shortest_interval_seconds.map(span::lasting);
    let verdict = match (answer.fits, shortest) {
        (true, Some(shortest)) => format!("It fits; the shortest interval that does is {shortest}."),
        (true, None) => "It fits.".to_owned(),
        (false, Some(shortest)) => format!("It does not fit; an interval of {shortest} does."),
        (false, None) => "It does not fit at any interval: spread the repositories over several credentials, or measure fewer of them.".to_owned(),
    };
    let first = &answer.first;
    let mut sentences = vec![
        verdict,
        format!(
            "The first pass reads every repository once, with its history: at least {} requests ({} core, {} graphql), which takes {} or more.",
            first.requests,
            first.core,
            first.graphql,
            span::lasting(answer.first_seconds),
        ),
    ];
    if let Some(bulk) = &answer.bulk {
        let items = count(bulk.items, "item", "items");
        let each = bulk.requests_per_item;
        sentences.push(match bulk.seconds {
            Some(seconds) => format!(
                "A bulk job of {items}, each of about {each} requests, takes about {} beside it ({}).",
                span::lasting(seconds),
                answer.policy,
            ),
            None => format!("A bulk job of {items} finds nothing left beside it."),
        });
    }
    sentences.push(
        "Reckoned with a page of each list per active repository and pass. Lists of comments without news are free, and comments go over to GraphQL where that has more left."
            .to_owned(),
    );
    sentences
}

fn count(number: u64, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

fn percent(part: u64, whole: u64) -> String {
    match whole {
        0 => "-".to_owned(),
        _ => format!("{} %", part.saturating_mul(100).div_ceil(whole)),
    }
}
