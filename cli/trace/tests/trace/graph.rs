use shopctl_trace::{
    Missing, Stamp, Took,
    graph::{Found, Graph, Hop, Kind, Used, Verdict},
    text,
};

use super::sample;

fn edge(from: &str, to: &str, hop: Hop) -> (String, String, Hop) {
    (from.to_owned(), to.to_owned(), hop)
}

fn seen(from: &str, to: &str, hop: Hop, used: Used) -> Found {
    Found { from: from.to_owned(), to: to.to_owned(), hop, used }
}

fn often() -> Used {
    let took = |micros: u64| Some(Took(micros * 1000));
    let last = Some(Stamp(1_795_766_400_000_000_000));
    Used { count: Some(1200), errors: Some(3), p50: took(1800), p99: took(9100), last, lag: None }
}

fn graph(observed: bool) -> Graph {
    let nodes = [
        ("gateway", Kind::Service),
        ("order", Kind::Service),
        ("order_db", Kind::Store),
        ("order_events", Kind::Topic),
    ];
    let nodes = nodes.map(|(name, kind)| (name.to_owned(), kind));
    let declared = [
        edge("gateway", "order", Hop::Call),
        edge("order", "order_db", Hop::Query),
        edge("order", "order_events", Hop::Publish),
        edge("order_events", "gateway", Hop::Consume),
    ];
    let found = vec![
        seen("gateway", "order", Hop::Call, often()),
        seen("gateway", "gateway", Hop::Call, often()),
        seen("order", "order_db", Hop::Query, Used { errors: Some(0), ..often() }),
        seen("order", "account\"\n", Hop::Call, Used { count: Some(1), ..Used::default() }),
        seen("order", "order_events", Hop::Publish, often()),
        seen("order_events", "recommender", Hop::Consume, Used { lag: Some(4), ..Used::default() }),
        seen("order_events", "recommender", Hop::Consume, often()),
        seen("gateway", "order_events.dlt", Hop::Publish, Used::default()),
    ];
    let missing = vec![Missing { what: "publishers".to_owned(), why: "kafka is stopped".to_owned() }];
    let (found, missing) = if observed { (found, missing) } else { (vec![], vec![]) };
    Graph::new(&nodes, &declared, (found, observed), missing)
}

#[test]
fn what_is_declared_and_what_is_used_differ_where_they_do() {
    insta::assert_snapshot!(sample::text(&text::graph(&graph(true), sample::style(110))));
    let told = graph(true);
    let of = |verdict: Verdict| -> Vec<(&str, &str)> {
        let edges = told.edges.iter().filter(|edge| edge.verdict == verdict);
        edges.map(|edge| (edge.from.as_str(), edge.to.as_str())).collect()
    };
    assert_eq!(of(Verdict::Undeclared), [("order", "account\"\n"), ("order_events", "recommender")]);
    assert_eq!(of(Verdict::Unused), [("order_events", "gateway")]);
}

#[test]
fn without_a_look_nothing_is_said_to_be_unused() {
    let graph = graph(false);
    assert!(graph.edges.iter().all(|edge| edge.verdict == Verdict::Fine && edge.used.is_none()));
    insta::assert_snapshot!(sample::text(&text::graph(&graph, sample::style(80))));
}

#[test]
fn diagrams_have_every_edge_and_no_name_ends_its_text() {
    let graph = graph(true);
    insta::assert_snapshot!("mermaid", graph.mermaid());
    insta::assert_snapshot!("dot", graph.dot());
    insta::assert_json_snapshot!("json", graph.edges[0]);
}
