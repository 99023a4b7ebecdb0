//! ApiVersions: what the broker speaks.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiKey, ApiVersionsResponse};

use crate::protocol::SUPPORTED;

pub(crate) fn supported() -> ApiVersionsResponse {
    let version = |(api, versions): &(ApiKey, kafka_protocol::protocol::VersionRange)| {
        // librdkafka takes a broker without Produce v0 for one without compression, so Apache Kafka 4 announces it
        // too, and answers from v3 on.
        let min = if *api == ApiKey::Produce { 0 } else { versions.min };
        ApiVersion::default().with_api_key(*api as i16).with_min_version(min).with_max_version(versions.max)
    };
    ApiVersionsResponse::default().with_api_keys(SUPPORTED.iter().map(version).collect())
}

/// The answer to a version that the broker does not know, to be encoded as v0.
pub(crate) fn unsupported() -> ApiVersionsResponse {
    supported().with_error_code(ResponseError::UnsupportedVersion.code())
}
