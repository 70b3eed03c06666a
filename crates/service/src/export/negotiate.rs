//! Which format and which encoding a reader gets, by the `q` values of its headers.

use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderName};

use super::Format;

/// How a body is packed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    /// The word in `Content-Encoding`; none where there is nothing to say.
    pub(super) fn word(self) -> Option<&'static str> {
        match self {
            Encoding::Identity => None,
            Encoding::Gzip => Some("gzip"),
            Encoding::Zstd => Some("zstd"),
        }
    }
}

/// The format that the reader likes best. Text, which everything reads, where it likes none or says nothing.
pub(super) fn format(headers: &HeaderMap) -> Format {
    let mut open_metrics = 0;
    let mut text = 0;
    for (range, quality) in entries(headers, ACCEPT) {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        let version = parts
            .find_map(|part| part.strip_prefix("version="))
            .map(|version| version.trim_matches('"'));
        match media.as_str() {
            // 0.0.1 differs from 1.0.0 in nothing that is used here.
            "application/openmetrics-text" if matches!(version, None | Some("1.0.0" | "0.0.1")) => {
                open_metrics = open_metrics.max(quality);
            }
            "text/plain" if matches!(version, None | Some("0.0.4")) => text = text.max(quality),
            "*/*" | "text/*" => text = text.max(quality),
            _ => {}
        }
    }
    if open_metrics > 0 && open_metrics >= text {
        Format::OpenMetrics
    } else {
        Format::Text
    }
}

/// The encoding that the reader likes best; zstd before gzip where it likes both as much.
pub(super) fn encoding(headers: &HeaderMap) -> Encoding {
    let mut best = (0, Encoding::Identity);
    let all = entries(headers, ACCEPT_ENCODING);
    let quality_of = |word: &str| {
        let exact = all.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        exact
            .or_else(|| all.iter().find(|(name, _)| name == "*"))
            .map_or(0, |(_, quality)| *quality)
    };
    for (encoding, word) in [(Encoding::Gzip, "gzip"), (Encoding::Zstd, "zstd")] {
        let quality = quality_of(word);
        if quality > 0 && quality >= best.0 {
            best = (quality, encoding);
        }
    }
    let identity = all
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("identity"))
        .map_or(0, |(_, quality)| *quality);
    if identity > best.0 {
        Encoding::Identity
    } else {
        best.1
    }
}

/// Whether the reader takes a body that is not packed: it does unless it says that it does not.
pub(super) fn takes_identity(headers: &HeaderMap) -> bool {
    let all = entries(headers, ACCEPT_ENCODING);
    let of = |word: &str| {
        let mut named = all.iter();
        named
            .find(|(name, _)| name.eq_ignore_ascii_case(word))
            .map(|(_, quality)| *quality)
    };
    of("identity").or_else(|| of("*")).unwrap_or(1) > 0
}

/// The entries of a list header with their quality in thousandths, without the `q` itself.
fn entries(headers: &HeaderMap, name: HeaderName) -> Vec<(String, u32)> {
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(entry)
        .filter(|(name, _)| !name.is_empty())
        .collect()
}

fn entry(text: &str) -> (String, u32) {
    let mut quality = 1.0_f32;
    let mut kept = Vec::new();
    for part in text.split(';').map(str::trim) {
        match part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")) {
            Some(q) => quality = q.parse().unwrap_or(0.0),
            None => kept.push(part),
        }
    }
    (kept.join(";"), (quality.clamp(0.0, 1.0) * 1000.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn the_best_liked_format_wins_and_text_is_for_everyone() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                          application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, expected) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/html", Format::Text),
            ("text/plain;version=0.0.4;q=1,*/*;q=0.1", Format::Text),
            ("application/openmetrics-text", Format::OpenMetrics),
            (
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text;version=2.0.0", Format::Text),
            ("application/openmetrics-text;q=0", Format::Text),
            (
                "application/openmetrics-text;q=0.2,text/plain;q=0.9",
                Format::Text,
            ),
            (prometheus, Format::OpenMetrics),
        ] {
            assert_eq!(format(&with(ACCEPT, accept)), expected, "{accept}");
        }
        assert_eq!(format(&HeaderMap::new()), Format::Text);
    }

    #[test]
    fn what_is_not_packed_is_taken_unless_it_is_refused() {
        for (accept, expected) in [
            ("", true),
            ("gzip", true),
            ("gzip, identity;q=0", false),
            ("gzip, *;q=0", false),
            ("gzip, *;q=0, identity;q=0.1", true),
        ] {
            let headers = with(ACCEPT_ENCODING, accept);
            assert_eq!(takes_identity(&headers), expected, "{accept}");
        }
    }

    #[test]
    fn the_best_liked_encoding_wins_and_refused_ones_are_not_used() {
        for (accept, expected) in [
            ("", Encoding::Identity),
            ("gzip", Encoding::Gzip),
            ("zstd, gzip", Encoding::Zstd),
            ("gzip;q=1.0, zstd;q=0.5", Encoding::Gzip),
            ("gzip;q=0", Encoding::Identity),
            ("identity, gzip;q=0.5", Encoding::Identity),
            ("br, deflate", Encoding::Identity),
            ("*", Encoding::Zstd),
            ("*;q=0", Encoding::Identity),
            ("GZIP", Encoding::Gzip),
        ] {
            assert_eq!(
                encoding(&with(ACCEPT_ENCODING, accept)),
                expected,
                "{accept}"
            );
        }
    }
}
