//! JSON as it stands, only laid out anew: numbers keep every digit, and keys their order.

use serde::de::IgnoredAny;

/// On one line, without blanks between its parts; nothing if the bytes are no JSON.
#[must_use]
pub fn compact(bytes: &[u8]) -> Option<String> {
    let text = checked(bytes)?;
    let mut out = String::with_capacity(text.len());
    for token in tokens(text) {
        out.push_str(token);
    }
    Some(out)
}

/// Each part on a line of its own, two blanks further in for each level; nothing if the bytes are no JSON.
#[must_use]
pub fn pretty(bytes: &[u8]) -> Option<String> {
    let text = checked(bytes)?;
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0;
    let mut tokens = tokens(text).peekable();
    while let Some(token) = tokens.next() {
        let opens = matches!(token, "{" | "[");
        match (token, tokens.peek()) {
            ("{", Some(&"}")) | ("[", Some(&"]")) => out.extend([token, tokens.next().unwrap_or_default()]),
            ("}" | "]", _) => {
                depth -= 1;
                line(&mut out, depth);
                out.push_str(token);
            }
            (":", _) => out.push_str(": "),
            ("{" | "[" | ",", _) => {
                depth += usize::from(opens);
                out.push_str(token);
                line(&mut out, depth);
            }
            (token, _) => out.push_str(token),
        }
    }
    Some(out)
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

fn checked(bytes: &[u8]) -> Option<&str> {
    let _: IgnoredAny = serde_json::from_slice(bytes).ok()?;
    std::str::from_utf8(bytes).ok()
}

/// Marks, strings, numbers and words of what is known to be JSON.
fn tokens(mut rest: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        let end = match rest.as_bytes().first()? {
            b'{' | b'}' | b'[' | b']' | b':' | b',' => 1,
            b'"' => end_of_string(rest.as_bytes()),
            _ => rest.find(['{', '}', '[', ']', ':', ',', '"', ' ', '\t', '\n', '\r']).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(end);
        rest = after;
        Some(token)
    })
}

/// `text` begins with the quote.
fn end_of_string(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn figures_and_the_order_of_keys_stay_as_they_stand() {
        let text = br#" { "total" : 12.50, "big":123456789012345678901234567890, "a":[ ], "b" : { }, "c":[1, "x: {, \" y"] } "#;
        assert_eq!(
            compact(text).as_deref(),
            Some(r#"{"total":12.50,"big":123456789012345678901234567890,"a":[],"b":{},"c":[1,"x: {, \" y"]}"#)
        );
        let pretty = pretty(text).expect("it is JSON");
        assert!(pretty.starts_with("{\n  \"total\": 12.50,\n  \"big\": 1234567890"), "{pretty}");
        assert!(pretty.ends_with("\"b\": {},\n  \"c\": [\n    1,\n    \"x: {, \\\" y\"\n  ]\n}"), "{pretty}");
    }

    #[test]
    fn what_is_no_json_is_not_laid_out() {
        for bytes in [&b""[..], b"{", b"\xff", b"1 2", b"{\"a\":1}x"] {
            assert_eq!((compact(bytes), pretty(bytes)), (None, None), "{bytes:?}");
        }
    }

    #[test]
    fn laying_out_changes_no_meaning() {
        for text in ["null", "[]", r#"[[[{}]],{"a":{"b":[true,false,null,-1e9,"\\"]}}]"#, r#""ü\u00fc""#] {
            let value: Value = serde_json::from_str(text).expect("it is JSON");
            for laid_out in [compact(text.as_bytes()), pretty(text.as_bytes())] {
                let again: Value = serde_json::from_str(&laid_out.expect("it is JSON")).expect("it still is");
                assert_eq!(again, value, "{text}");
            }
        }
    }
}
