use similar::{ChangeTag, TextDiff};

/// The lines of both texts: `-` is only expected, `+` only observed.
#[must_use]
pub fn diff(expected: &str, observed: &str) -> Vec<(char, String)> {
    let diff = TextDiff::from_lines(expected, observed);
    let sign = |tag| match tag {
        ChangeTag::Delete => '-',
        ChangeTag::Insert => '+',
        ChangeTag::Equal => ' ',
    };
    diff.iter_all_changes()
        .map(|change| (sign(change.tag()), change.value().trim_end_matches('\n').to_owned()))
        .collect()
}
