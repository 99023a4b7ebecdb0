use axum::http::HeaderValue;
use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_700_000_000;
const OLD: &str = "whsec_b2xkIHNlY3JldCBvZiB0d2VudHktZm91ciBieXRlcw==";
const NEW: &str = "whsec_bmV3IHNlY3JldCBvZiB0d2VudHktZm91ciBieXRlcw==";
const BODY: &[u8] = br#"{"transaction_id":"t","status":"SUCCESS","payment_gateway_id":"g"}"#;

fn secrets(text: &str) -> Secrets {
    text.parse().expect("a good secret")
}

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(NOW).expect("in range")
}

fn headers(id: &str, timestamp: &str, signature: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [(ID, id), (TIMESTAMP, timestamp), (SIGNATURE, signature)] {
        headers.insert(name, HeaderValue::from_str(value).expect("a header"));
    }
    headers
}

fn signed(secret: &str, timestamp: i64) -> HeaderMap {
    headers("msg_1", &timestamp.to_string(), &secrets(secret).sign("msg_1", timestamp, BODY))
}

#[test]
fn what_the_reference_implementation_signs_is_accepted_and_the_other_way_round() {
    let reference = standardwebhooks::Webhook::new(OLD).expect("a good secret");
    let theirs = reference.sign("msg_1", NOW, BODY).expect("signed");
    assert_eq!(theirs, secrets(OLD).sign("msg_1", NOW, BODY));
    assert_eq!(secrets(OLD).verify(&headers("msg_1", &NOW.to_string(), &theirs), BODY, now()), Ok("msg_1"));
    let fresh = OffsetDateTime::now_utc().unix_timestamp();
    reference.verify(BODY, &signed(OLD, fresh)).expect("the reference accepts ours");
}

#[test]
fn both_secrets_count_while_rotating_and_the_first_one_signs() {
    let rotating = secrets(&format!("{NEW} {OLD}"));
    assert!(rotating.verify(&signed(OLD, NOW), BODY, now()).is_ok());
    assert!(rotating.verify(&signed(NEW, NOW), BODY, now()).is_ok());
    assert_eq!(rotating.sign("m", NOW, BODY), secrets(NEW).sign("m", NOW, BODY));
    assert_eq!(secrets(NEW).verify(&signed(OLD, NOW), BODY, now()), Err(Refused::Signature));
    let both = format!("v1,AAAA v2,xx {}", secrets(OLD).sign("msg_1", NOW, BODY));
    assert!(secrets(OLD).verify(&headers("msg_1", &NOW.to_string(), &both), BODY, now()).is_ok());
}

#[test]
fn three_hundred_seconds_either_way_are_tolerated_and_no_more() {
    for (distance, accepted) in [(0, true), (299, true), (300, true), (301, false), (86_400, false)] {
        for timestamp in [NOW - distance, NOW + distance] {
            assert_eq!(secrets(OLD).verify(&signed(OLD, timestamp), BODY, now()).is_ok(), accepted, "{timestamp}");
        }
    }
}

#[test]
fn extreme_timestamps_are_stale_and_not_a_crash() {
    for timestamp in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX] {
        let headers = signed(OLD, timestamp);
        let refused = secrets(OLD).verify(&headers, BODY, now());
        assert!(matches!(refused, Err(Refused::Stale(_))), "{timestamp}: {refused:?}");
    }
}

#[test]
fn a_timestamp_written_in_another_way_is_refused_though_it_means_the_same_number() {
    let signature = secrets(OLD).sign("msg_1", NOW, BODY);
    for text in [format!("+{NOW}"), format!("0{NOW}"), format!(" {NOW}"), format!("{NOW}.0"), "1e9".into(), "".into()] {
        assert_eq!(
            secrets(OLD).verify(&headers("msg_1", &text, &signature), BODY, now()),
            Err(Refused::Header(TIMESTAMP)),
            "{text:?}"
        );
    }
}

#[test]
fn missing_and_repeated_headers_and_odd_ids_are_refused() {
    for name in [ID, TIMESTAMP, SIGNATURE] {
        let mut headers = signed(OLD, NOW);
        let value = headers.remove(name).expect("was there");
        assert_eq!(secrets(OLD).verify(&headers, BODY, now()), Err(Refused::Header(name)));
        headers.append(name, value.clone());
        headers.append(name, value);
        assert_eq!(secrets(OLD).verify(&headers, BODY, now()), Err(Refused::Header(name)));
    }
    for (id, accepted) in
        [("", false), ("a.1", false), ("a b", false), (&"a".repeat(255), true), (&"a".repeat(256), false)]
    {
        let headers = headers(id, &NOW.to_string(), &secrets(OLD).sign(id, NOW, BODY));
        assert_eq!(secrets(OLD).verify(&headers, BODY, now()).is_ok(), accepted, "{id:?}");
    }
}

#[test]
fn a_body_that_is_not_text_can_be_signed_too() {
    let body = [0xff, 0x00, 0xfe];
    let headers = headers("m", &NOW.to_string(), &secrets(OLD).sign("m", NOW, &body));
    assert!(secrets(OLD).verify(&headers, &body, now()).is_ok());
}

#[test]
fn poor_secrets_are_refused_and_never_shown() {
    assert_eq!("".parse::<Secrets>().err(), Some(BadSecret::Count));
    assert_eq!(format!("{OLD} {OLD} {OLD}").parse::<Secrets>().err(), Some(BadSecret::Count));
    assert_eq!("whsec_c2hvcnQ=".parse::<Secrets>().err(), Some(BadSecret::Short));
    assert_eq!("hunter2".parse::<Secrets>().err(), Some(BadSecret::Shape));
    assert_eq!("whsec_?".parse::<Secrets>().err(), Some(BadSecret::Shape));
    assert_eq!(format!("{:?}", secrets(OLD)), "1 webhook secret(s)");
}

proptest! {
    #[test]
    fn no_change_of_a_single_byte_goes_unnoticed(part in 0..4_usize, at in any::<prop::sample::Index>(), to in 0x21..0x7f_u8) {
        let signature = secrets(OLD).sign("msg_1", NOW, BODY);
        let mut parts = [b"msg_1".to_vec(), NOW.to_string().into_bytes(), signature.into_bytes(), BODY.to_vec()];
        let at = at.index(parts[part].len());
        prop_assume!(parts[part][at] != to);
        parts[part][at] = to;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("ascii");
        let headers = headers(&text(&parts[0]), &text(&parts[1]), &text(&parts[2]));
        prop_assert!(secrets(OLD).verify(&headers, &parts[3], now()).is_err());
    }
}
