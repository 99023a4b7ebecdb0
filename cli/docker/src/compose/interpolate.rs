//! `${VARIABLE}` and its kin in a value, as Compose fills them in.

/// Defaults within defaults; deeper is a mistake.
const DEEPEST: usize = 8;

/// The text with all variables filled in.
///
/// # Errors
/// What is wrong: a variable without a value or default, or something unfinished.
pub(super) fn fill(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    fill_to(text, lookup, DEEPEST)
}

fn fill_to(text: &str, lookup: &dyn Fn(&str) -> Option<String>, depth: usize) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        rest = match after.as_bytes().first() {
            Some(b'$') => {
                filled.push('$');
                &after[1..]
            }
            Some(b'{') => {
                let (inside, behind) =
                    braced(&after[1..]).ok_or_else(|| format!("\"${after}\" has no closing brace"))?;
                filled.push_str(&expand(inside, lookup, depth)?);
                behind
            }
            _ => {
                let (name, behind) = after.split_at(name_length(after));
                if name.is_empty() {
                    return Err(format!("\"${after}\" names no variable; write \"$$\" for a dollar sign"));
                }
                filled.push_str(&lookup(name).ok_or_else(|| unset(name))?);
                behind
            }
        };
    }
    filled.push_str(rest);
    Ok(filled)
}

/// What stands before the brace that closes, and what behind it.
fn braced(text: &str) -> Option<(&str, &str)> {
    let mut depth = 1_usize;
    let mut before = '\0';
    for (at, c) in text.char_indices() {
        match c {
            '{' if before == '$' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&text[..at], &text[at + 1..]));
        }
        before = c;
    }
    None
}

fn expand(inside: &str, lookup: &dyn Fn(&str) -> Option<String>, depth: usize) -> Result<String, String> {
    if depth == 0 {
        return Err(format!("defaults stand within defaults more than {DEEPEST} times"));
    }
    let (name, operation) = inside.split_at(name_length(inside));
    if name.is_empty() {
        return Err(format!("\"${{{inside}}}\" names no variable"));
    }
    let value = lookup(name);
    // With a colon, empty counts as unset.
    let (value, operation) = match operation.strip_prefix(':') {
        Some(operation) => (value.filter(|value| !value.is_empty()), operation),
        None => (value, operation),
    };
    let argument = operation.get(1..).unwrap_or_default();
    match (operation.as_bytes().first(), value) {
        (None, value) if !inside.ends_with(':') => value.ok_or_else(|| unset(name)),
        (Some(b'-' | b'?'), Some(value)) => Ok(value),
        (Some(b'-'), None) => fill_to(argument, lookup, depth - 1),
        (Some(b'?'), None) => Err(match fill_to(argument, lookup, depth - 1)?.as_str() {
            "" => unset(name),
            said => format!("{name}: {said}"),
        }),
        (Some(b'+'), Some(_)) => fill_to(argument, lookup, depth - 1),
        (Some(b'+'), None) => Ok(String::new()),
        (None | Some(_), _) => Err(format!(
            "\"${{{inside}}}\" is not understood; known are ${{X}}, ${{X:-default}}, ${{X:?error}}, ${{X:+other}}"
        )),
    }
}

fn unset(name: &str) -> String {
    format!("variable {name} is not set and has no default")
}

fn name_length(text: &str) -> usize {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    if starts { end } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        match name {
            "SET" => Some("value".into()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_filled_in_as_compose_does() {
        for (text, expected) in [
            ("plain", "plain"),
            ("$SET-${SET}.", "value-value."),
            ("${NO:-d}${NO-d}${SET:-d}${SET-d}", "ddvaluevalue"),
            ("[${EMPTY:-d}][${EMPTY-d}][${EMPTY}]", "[d][][]"),
            ("${NO:-a:b/c-9}", "a:b/c-9"),
            ("${NO:-${EMPTY:-${SET}}}!", "value!"),
            ("${SET:+there}${NO:+there}${EMPTY+there}", "therethere"),
            ("$$SET $${SET}", "$SET ${SET}"),
            ("${SET:?must}", "value"),
            ("${NO:-}", ""),
            ("é$SET", "évalue"),
        ] {
            assert_eq!(fill(text, &lookup).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_filled_in_is_an_error() {
        for (text, expected) in [
            ("$NO", "variable NO is not set and has no default"),
            ("${NO}", "variable NO is not set and has no default"),
            ("${NO:?the shop needs it}", "NO: the shop needs it"),
            ("${EMPTY:?}", "variable EMPTY is not set and has no default"),
            ("${SET", "\"${SET\" has no closing brace"),
            ("a$", "\"$\" names no variable; write \"$$\" for a dollar sign"),
            ("$5", "\"$5\" names no variable; write \"$$\" for a dollar sign"),
            ("${}", "\"${}\" names no variable"),
        ] {
            assert_eq!(fill(text, &lookup), Err(expected.to_owned()), "{text}");
        }
        for text in ["${SET!}", "${SET:}", "${SET:é}", "${SET%x}"] {
            assert!(fill(text, &lookup).is_err_and(|problem| problem.contains("is not understood")), "{text}");
        }
    }
}
