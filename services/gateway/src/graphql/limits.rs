//! What a query may cost before anything of it runs, and the codes its errors carry.
//!
//! async-graphql's own limits (depth, complexity) are computed on the parsed document with every fragment spread out in
//! full, and its parser recurses: a few hundred bytes of fragments that double each other, or a long row of brackets, would
//! keep a core busy or overflow the stack before they could refuse it. So these come first.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextPrepareRequest, NextRequest, NextSubscribe,
};
use async_graphql::futures_util::StreamExt;
use async_graphql::futures_util::stream::BoxStream;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Positioned, Request, Response, ServerError, ServerResult};

use super::{brackets, operation};
use crate::error::Error;

/// Depth of fields. The introspection query of graphql-js needs 15.
pub(crate) const DEPTH: usize = 16;
/// Sum of all fields' weights, lists counted as often as they may be long.
pub(crate) const COMPLEXITY: usize = 5_000;
/// Directives on one field.
pub(crate) const DIRECTIVES: usize = 10;
/// Brackets within brackets, in the text.
const NESTING: usize = 64;
/// Fields, with all fragments spread out. The introspection query has about 150.
const FIELDS: usize = 2_000;
/// Fields under another name, with all fragments spread out.
const ALIASES: usize = 30;
/// Errors in an answer, and places that one of them names. An answer of a hundred products has a hundred of them at most.
const ERRORS: usize = 100;
/// Bytes of an error's message.
const MESSAGE: usize = 512;

pub(crate) struct Limits;

impl ExtensionFactory for Limits {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for Limits {
    async fn prepare_request(
        &self,
        ctx: &ExtensionContext<'_>,
        mut request: Request,
        next: NextPrepareRequest<'_>,
    ) -> ServerResult<Request> {
        if brackets::nesting(&request.query) > NESTING {
            return Err(ServerError::new("Query is nested too deep.", None));
        }
        let asked = request.operation_name.clone();
        let document = request.parsed_query()?;
        check(document)?;
        operation::tell(document, asked.as_deref());
        next.run(ctx, request).await
    }

    async fn request(&self, ctx: &ExtensionContext<'_>, next: NextRequest<'_>) -> Response {
        with_codes(next.run(ctx).await)
    }

    fn subscribe<'s>(
        &self,
        ctx: &ExtensionContext<'_>,
        stream: BoxStream<'s, Response>,
        next: NextSubscribe<'_>,
    ) -> BoxStream<'s, Response> {
        next.run(ctx, stream).map(with_codes).boxed()
    }
}

/// Puts a gRPC code on every error. What is not ours is async-graphql's word on the query itself: it may find as much to
/// say as there is in the query, and quote it all.
fn with_codes(mut response: Response) -> Response {
    response.errors.truncate(ERRORS);
    for error in &mut response.errors {
        let code = error.source::<Error>().map_or("INVALID_ARGUMENT", Error::code);
        error.extensions.get_or_insert_default().set("code", code);
        error.message.truncate(error.message.floor_char_boundary(MESSAGE));
        error.locations.truncate(ERRORS);
    }
    response
}

fn check(document: &ExecutableDocument) -> ServerResult<()> {
    let mut census = Census { document, fragments: HashMap::new() };
    let mut total = Count::default();
    for (_, operation) in document.operations.iter() {
        total.add(census.count(&operation.node.selection_set.node)?);
    }
    // Also those that no operation uses: validation walks through them.
    for fragment in document.fragments.keys() {
        census.fragment(fragment)?;
    }
    if total.fields > FIELDS {
        return Err(ServerError::new("Query has too many fields.", None));
    }
    if total.aliases > ALIASES {
        return Err(ServerError::new("Query has too many aliases.", None));
    }
    Ok(())
}

#[derive(Clone, Copy, Default)]
struct Count {
    fields: usize,
    aliases: usize,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.fields = self.fields.saturating_add(other.fields);
        self.aliases = self.aliases.saturating_add(other.aliases);
    }
}

/// Counts each fragment once, however often it is spread.
struct Census<'a> {
    document: &'a ExecutableDocument,
    /// `None` while it is being counted: met again then, it spreads itself.
    fragments: HashMap<&'a Name, Option<Count>>,
}

impl<'a> Census<'a> {
    fn count(&mut self, set: &'a SelectionSet) -> ServerResult<Count> {
        let mut count = Count::default();
        for Positioned { node, .. } in &set.items {
            match node {
                Selection::Field(field) => {
                    let aliases = usize::from(field.node.alias.is_some());
                    count.add(Count { fields: 1, aliases });
                    count.add(self.count(&field.node.selection_set.node)?);
                }
                Selection::FragmentSpread(spread) => count.add(self.fragment(&spread.node.fragment_name.node)?),
                Selection::InlineFragment(inline) => count.add(self.count(&inline.node.selection_set.node)?),
            }
        }
        Ok(count)
    }

    fn fragment(&mut self, name: &'a Name) -> ServerResult<Count> {
        match self.fragments.get(name) {
            Some(Some(count)) => return Ok(*count),
            Some(None) => return Err(ServerError::new(format!("Fragment {name:?} spreads itself."), None)),
            None => {}
        }
        // One that is not defined is for validation to tell, with its place.
        let Some(fragment) = self.document.fragments.get(name) else { return Ok(Count::default()) };
        self.fragments.insert(name, None);
        let count = self.count(&fragment.node.selection_set.node)?;
        self.fragments.insert(name, Some(count));
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::fmt::Write;

    use async_graphql::parser::parse_query;

    use super::*;

    fn refusal(query: &str) -> Option<String> {
        check(&parse_query(query).expect("the query parses")).err().map(|error| error.message)
    }

    #[test]
    fn fragments_that_double_each_other_are_counted_without_spreading_them() {
        let mut query = "{ ...f0 } ".to_owned();
        for n in 0..60 {
            write!(query, "fragment f{n} on Query {{ ...f{0} ...f{0} }} ", n + 1).expect("a string takes it");
        }
        query.push_str("fragment f60 on Query { hello }");
        assert_eq!(refusal(&query).as_deref(), Some("Query has too many fields."));
    }

    #[test]
    fn a_fragment_that_spreads_itself_is_refused_even_if_unused() {
        let query = "{ hello } fragment a on Query { ...b } fragment b on Query { ...a }";
        assert!(refusal(query).expect("refused").contains("spreads itself"));
    }

    #[test]
    fn many_aliases_are_refused_and_a_few_are_not() {
        let aliases = |count: usize| {
            let fields: Vec<_> = (0..count).map(|n| format!("a{n}: hello")).collect();
            format!("{{ {} }}", fields.join(" "))
        };
        assert_eq!(refusal(&aliases(ALIASES)), None);
        assert_eq!(refusal(&aliases(ALIASES + 1)).as_deref(), Some("Query has too many aliases."));
    }

    proptest! {
        #[test]
        fn no_text_makes_parser_or_limits_panic(
            text: String,
            almost in r##"([{}()\[\]:!$@="#.,|& \n]|\.\.\.|"""|\\|query|fragment|on|a|b|1|-|e|true|null){0,60}"##,
        ) {
            for query in [text, almost] {
                brackets::nesting(&query);
                if let Ok(document) = parse_query(&query) {
                    let _ = check(&document);
                }
            }
        }

        #[test]
        fn a_query_is_as_deep_as_its_brackets(depth in 1..NESTING) {
            let query = format!("{}a{}", "{a".repeat(depth), "}".repeat(depth));
            prop_assert_eq!(brackets::nesting(&query), depth);
            prop_assert!(parse_query(&query).is_ok());
        }
    }
}
