//! Whether a client wants a page or JSON.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

/// Whether `Accept` prefers text/html to application/json. At the same quality the one that is named exactly wins, and
/// JSON otherwise: a client that takes anything is a program.
pub(crate) fn prefers_html(headers: &HeaderMap) -> bool {
    let ranges: Vec<_> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(range)
        .collect();
    let (html, json) = (rank(&ranges, "text", "html"), rank(&ranges, "application", "json"));
    html.quality > 0 && html > json
}

/// How welcome a media type is: by quality in thousandths, then by how exactly it is named.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Rank {
    quality: u16,
    exactness: u8,
}

fn range(text: &str) -> (String, u16) {
    let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
    let name = parts.next().unwrap_or_default();
    let quality = parts.find_map(|part| part.strip_prefix("q=").map(thousandths)).unwrap_or(1000);
    (name, quality)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=1000")]
#[expect(clippy::float_arithmetic, reason = "a header's quality is no money")]
fn thousandths(quality: &str) -> u16 {
    quality.parse().map_or(0, |quality: f64| (quality.clamp(0.0, 1.0) * 1000.0) as u16)
}

/// The most exact range that covers the type decides its quality.
fn rank(ranges: &[(String, u16)], kind: &str, subtype: &str) -> Rank {
    [format!("{kind}/{subtype}"), format!("{kind}/*"), "*/*".to_owned()]
        .iter()
        .zip([2, 1, 0])
        .find_map(|(name, exactness)| {
            let quality = ranges.iter().find(|(range, _)| range == name)?.1;
            Some(Rank { quality, exactness })
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_get_the_page_and_programs_get_json() {
        let table = [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", true),
            ("text/html", true),
            ("TEXT/HTML", true),
            ("text/*", true),
            ("text/html, */*", true),
            ("text/html;q=0.4, application/json;q=0.3", true),
            ("", false),
            ("*/*", false),
            ("application/json", false),
            ("application/json, text/html;q=0.9", false),
            ("application/json, text/html", false),
            ("text/html;q=0", false),
            ("text/html;q=0.5, */*", false),
            ("text/html;q=NaN", false),
            ("text/plain", false),
        ];
        for (accept, html) in table {
            let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().expect("a header"))]);
            assert_eq!(prefers_html(&headers), html, "{accept}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }
}
