//! The span of a request to another service.

use http::Uri;

use crate::telemetry::{Call, KeyValue, SpanKind};

/// A request to `url`, whose path is of the shape `template`. What stands in the query is not told.
pub fn begin(method: &'static str, template: &'static str, url: &str) -> Call {
    Call::begin(format!("{method} {template}"), SpanKind::Client, || {
        let url = url.split('?').next().unwrap_or_default();
        let mut attributes = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("url.template", template),
            KeyValue::new("url.full", url.to_owned()),
        ];
        if let Ok(uri) = Uri::try_from(url) {
            attributes.extend(uri.host().map(|host| KeyValue::new("server.address", host.to_owned())));
            attributes.extend(uri.port_u16().map(|port| KeyValue::new("server.port", i64::from(port))));
        }
        attributes
    })
}

/// It was answered with `status`.
pub fn answered(call: &mut Call, status: u16) {
    call.set("http.response.status_code", i64::from(status));
    if status >= 400 {
        call.failed(&status.to_string(), "");
    }
}
