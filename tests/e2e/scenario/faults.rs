//! What breaks things, in a shop that is there for nothing else.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use super::{Case, played};
use crate::stack::Stack;

pub(super) const FAULTS: &[Case] = &[
    Case {
        name: "each-fault",
        story: "  - fault: {kill: product}
  - eventually: {within: 20s, that: {ready: [product]}}
  - fault: {stop: product}
  - never: {for: 200ms, that: {ready: [product]}}
  - order: {by: ann, basket: cart, refused: UNAVAILABLE}
  - fault: {start: product}
  - order: {by: ann, basket: cart, key: '${run}', within: 10s}
  - fault: {restart: product}
  - fault: {pause: product}
  - order: {by: ann, basket: cart, refused: UNAVAILABLE}
  - fault: {resume: product}
  - order: {by: ann, basket: cart, key: 'again-${run}', within: 10s}\n",
        fails: None,
    },
    Case {
        name: "faults-of-the-whole-story",
        story: "  - never: {for: 200ms, that: {recommender: {order: {of: first}}}}
faults: [{pause: recommender}]
expect:
  - eventually: {within: 20s, that: {recommender: {order: {of: first}}}}\n",
        fails: None,
    },
    Case {
        name: "what-is-left-broken-is-whole-for-the-next-story",
        story: "  - fault: {stop: account}\n  - fault: {pause: payment}\n",
        fails: None,
    },
    Case {
        name: "unknown-resource",
        story: "  - fault: {kill: nobody}\n",
        fails: Some(("kill nobody", "a resource nobody")),
    },
    Case {
        name: "pause",
        story: "  - fault: {pause: product}\n  - order: {by: ann, basket: cart}\n",
        fails: Some(("order by ann", "UNAVAILABLE")),
    },
    Case {
        name: "start-of-nobody",
        story: "  - fault: {start: nobody}\n",
        fails: Some(("start nobody", "there is no resource nobody")),
    },
    Case {
        name: "restart-of-nobody",
        story: "  - fault: {restart: nobody}\n",
        fails: Some(("restart nobody", "there is no resource nobody")),
    },
    Case {
        name: "resume-of-nobody",
        story: "  - fault: {resume: nobody}\n",
        fails: Some(("resume nobody", "there is no resource nobody")),
    },
    Case {
        name: "register-and-log-in",
        story: "  - fault: {stop: account}\n  - register: bob\n",
        fails: Some(("register bob", "UNAVAILABLE")),
    },
    Case {
        name: "recommend",
        story: "  - fault: {stop: recommender}\n  - recommend: {to: ann}\n",
        fails: Some(("recommend to ann", "recommendations")),
    },
    Case {
        name: "subscribe",
        story: "  - fault: {stop: gateway}\n  - subscribe: {order: first}\n",
        fails: Some(("subscribe to first", "live updates")),
    },
    Case {
        name: "publish",
        story: "  - fault: {stop: kafka}\n  - publish: {topic: order_events, value: {text: x}}\n",
        fails: Some(("publish to order_events", "a broker that takes the record")),
    },
];

pub(super) const PUBLISHED: &[Case] = &[Case {
    name: "poison",
    story: "  - publish: {topic: order_events, key: 'x-${run}', value: {text: rubbish}, times: 2}
  - publish: {topic: order_events, key: 'y-${run}', headers: {ce_id: 'no-uuid-${run}'},
      value: {json: {type: order_admired, data: {}}}}
  - eventually: {within: 20s, that: {dead_letters: {of: order_events, key: 'x-${run}', count: 4}}}
  - eventually: {within: 20s, that: {events: {topic: order_events, key: 'y-${run}', are: [order_admired]}}}\n",
    fails: None,
}];

/// One at a time, since each breaks what the others need.
fn stack() -> MutexGuard<'static, Stack> {
    static STACK: LazyLock<Mutex<Stack>> = LazyLock::new(|| {
        let stack = Stack::new("faults");
        stack.succeeds(&["up", "--isolated", "--detach"]);
        Mutex::new(stack)
    });
    STACK.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn every_fault_does_what_it_says_and_is_over_when_the_story_is() {
    played(&stack(), FAULTS);
}

#[test]
fn a_record_that_is_published_stands_in_its_topic_and_what_is_no_event_is_put_aside() {
    played(&stack(), PUBLISHED);
}
