use proptest::prelude::*;
use shopctl_trace::{Kind, Link, Span, traces};

use super::sample::{CREATION, PAYMENT, creation, payment, span};

fn critical(spans: Vec<Span>) -> Vec<(String, String)> {
    let nodes = traces(spans).remove(0).spans;
    let told = nodes.into_iter().filter_map(|node| Some((node.span.name, node.critical?.to_string())));
    told.collect()
}

#[test]
fn traces_stand_by_their_beginnings_and_a_span_that_came_twice_counts_once() {
    let twice = [payment(), creation(), creation()].concat();
    let traces = traces(twice);
    assert_eq!(traces.iter().map(|trace| trace.id.as_str()).collect::<Vec<_>>(), [CREATION, PAYMENT]);
    assert_eq!(traces[0].spans.len(), creation().len());
    assert_eq!(traces[0].took.to_string(), "51.0 ms");
}

#[test]
fn the_critical_path_leads_from_the_last_moment_back_through_the_queue() {
    let path = critical(creation());
    let names: Vec<&str> = path.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"INSERT orders") && names.contains(&"publish order_events"), "{path:?}");
    let producer = traces(creation()).remove(0).spans.into_iter().find(|node| node.span.kind == Kind::Consumer);
    assert_eq!(producer.and_then(|node| node.queued).map(|queued| queued.to_string()).as_deref(), Some("8.00 ms"));
}

#[test]
fn of_two_that_ran_at_once_only_the_last_to_end_is_on_the_path() {
    let spans = vec![
        span(CREATION, 1, 0, "a", "root", Kind::Server, (0.0, 10.0)),
        span(CREATION, 2, 1, "a", "short", Kind::Client, (1.0, 4.0)),
        span(CREATION, 3, 1, "a", "long", Kind::Client, (1.0, 7.0)),
        span(CREATION, 4, 1, "a", "after", Kind::Client, (8.0, 9.0)),
    ];
    let told = |(name, took): (&str, &str)| (name.to_owned(), took.to_owned());
    assert_eq!(critical(spans.clone()), [("root", "3.00 ms"), ("long", "6.00 ms"), ("after", "1.00 ms")].map(told));
    let nodes = traces(spans).remove(0).spans;
    let parallel: Vec<&str> = nodes.iter().filter(|node| node.parallel).map(|node| node.span.name.as_str()).collect();
    assert_eq!(parallel, ["long", "short"]);
}

#[test]
fn a_consumer_with_a_parent_of_its_own_is_in_the_queue_of_what_it_links_to() {
    let mut spans = creation();
    let consumer = spans.iter_mut().find(|span| span.kind == Kind::Consumer).expect("there is one");
    consumer.links.push(Link { trace: CREATION.to_owned(), span: consumer.parent.take().expect("it has a parent") });
    let queued = traces(spans).remove(0).spans.into_iter().find_map(|node| node.queued);
    assert_eq!(queued.map(|queued| queued.to_string()).as_deref(), Some("8.00 ms"));
}

proptest! {
    #[test]
    fn whatever_spans_say_of_each_other_each_stands_there_once_and_no_path_is_longer_than_the_trace(
        told in prop::collection::vec((1_u64..30, 0_u64..30, 0_u32..100, 0_u32..100), 1..40),
    ) {
        let spans: Vec<Span> = told
            .iter()
            .map(|&(id, parent, from, took)| {
                let times = (f64::from(from), f64::from(from) + f64::from(took));
                span(CREATION, id, parent, "a", "x", Kind::Internal, times)
            })
            .collect();
        let ids: std::collections::BTreeSet<String> = spans.iter().map(|span| span.id.clone()).collect();
        let trace = traces(spans).remove(0);
        prop_assert_eq!(trace.spans.len(), ids.len());
        for (at, node) in trace.spans.iter().enumerate() {
            prop_assert!(node.parent.is_none_or(|parent| parent < at && trace.spans[parent].depth + 1 == node.depth));
        }
        let waited: u64 = trace.spans.iter().filter_map(|node| node.critical).map(|took| took.0).sum();
        prop_assert!(waited <= trace.took.0, "{} of {}", waited, trace.took.0);
    }
}
