//! Where a statement ends.

/// Whether `text` ends with the `;` of a statement: one outside of strings, names and comments.
pub(super) fn is_complete(text: &str) -> bool {
    let mut rest = text;
    let mut complete = false;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\'' | '"' => 1 + until(&rest[1..], &c.to_string()),
            '-' if rest.starts_with("--") => until(rest, "\n"),
            '/' if rest.starts_with("/*") => comment(rest),
            '$' => dollar_quoted(rest).unwrap_or(1),
            c => c.len_utf8(),
        };
        let is_comment = rest.starts_with("--") || rest.starts_with("/*");
        if !c.is_whitespace() && !is_comment {
            complete = c == ';';
        }
        // A string, or a comment, that goes on.
        if length > rest.len() {
            return false;
        }
        rest = &rest[length..];
    }
    complete
}

/// Bytes up to the end of the next `mark`; more than there are if there is none, but for a line, which may be the last.
fn until(text: &str, mark: &str) -> usize {
    let missing = if mark == "\n" { text.len() } else { text.len() + 1 };
    text.find(mark).map_or(missing, |at| at + mark.len())
}

/// Length of the comment at the beginning of `text`; they nest.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (1, 2);
    while depth > 0 {
        let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) else { return text.len() + 1 };
        let step = |rest: &str| rest.chars().next().map_or(1, char::len_utf8);
        (depth, at) = match (rest.starts_with("/*"), rest.starts_with("*/")) {
            (true, _) => (depth + 1, at + 2),
            (_, true) => (depth - 1, at + 2),
            (false, false) => (depth, at + step(rest)),
        };
    }
    at
}

/// Length of the `$tag$…$tag$` at the beginning of `text`; none if it is something else, such as `$1`.
fn dollar_quoted(text: &str) -> Option<usize> {
    let end = text[1..].find('$')? + 2;
    let (tag, rest) = text.split_at(end);
    let name = &tag[1..tag.len() - 1];
    let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_numeric());
    is_name.then(|| end + until(rest, tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_ends_with_a_semicolon_that_is_one() {
        for (text, complete) in [
            ("select 1;", true),
            ("select 1; \n\t", true),
            ("select 1; -- done", true),
            ("select 1; /* a /* nested */ end */", true),
            ("select 1", false),
            ("", false),
            ("-- nothing;", false),
            ("select ';", false),
            ("select ';'", false),
            ("select 'it''s;';", true),
            ("select \"a;", false),
            ("select 1 /* ;", false),
            ("do $$ begin; end;", false),
            ("do $body$ begin; $$ end; $body$;", true),
            ("select $1;", true),
            ("select 'ü'; ü", false),
            ("select 1; select 2", false),
        ] {
            assert_eq!(is_complete(text), complete, "{text:?}");
        }
    }
}
