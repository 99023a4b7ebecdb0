//! How deep the brackets of a GraphQL text go, without parsing it: a parser that recurses must not be the one to find out.

/// The deepest nesting of `{`, `(` and `[` outside strings and comments. Right for every valid text; for others some number.
pub(crate) fn nesting(text: &str) -> usize {
    let mut rest = text.as_bytes();
    let mut depth = 0_usize;
    let mut deepest = 0;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'{' | b'(' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
                after
            }
            b'}' | b')' | b']' => {
                depth = depth.saturating_sub(1);
                after
            }
            b'#' => after_comment(after),
            b'"' => match after.strip_prefix(b"\"\"") {
                Some(block) => after_block(block),
                None => after_string(after),
            },
            _ => after,
        };
    }
    deepest
}

fn after_comment(rest: &[u8]) -> &[u8] {
    let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
    &rest[end..]
}

/// A string ends at its quote, or unfinished at the end of its line.
fn after_string(mut rest: &[u8]) -> &[u8] {
    loop {
        rest = match rest {
            [] | [b'\n' | b'\r', ..] => return rest,
            [b'"', after @ ..] => return after,
            [b'\\', _, after @ ..] | [_, after @ ..] => after,
        };
    }
}

fn after_block(mut rest: &[u8]) -> &[u8] {
    loop {
        rest = match rest {
            [] => return rest,
            [b'\\', b'"', b'"', b'"', after @ ..] => after,
            [b'"', b'"', b'"', after @ ..] => return after,
            [_, after @ ..] => after,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::nesting;

    #[test]
    fn brackets_count_only_outside_strings_and_comments() {
        for (text, depth) in [
            ("", 0),
            ("{ a }", 1),
            ("{ a(b: [[1]]) { c } }", 4),
            ("}}}{ a }", 1),
            (r#"{ a(b: "{{{{\"{{") }"#, 2),
            (r#"{ a(b: """{{ " {{ \""" {{""") }"#, 2),
            ("{ a # {{{{\n { b } }", 2),
            ("{ a(b: \"{{{\n{{", 4),
        ] {
            assert_eq!(nesting(text), depth, "{text}");
        }
        assert_eq!(nesting(&"[".repeat(100_000)), 100_000);
    }
}
