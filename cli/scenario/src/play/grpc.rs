//! gRPC by the contracts' descriptors, so that a scenario can call methods that did not exist when this was written.

use std::sync::LazyLock;

use prost::{
    Message as _,
    bytes::{Buf as _, BufMut as _},
};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor, SerializeOptions};
use serde_json::Value;
use tonic::{
    Request, Status,
    client::Grpc as Caller,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::{AsciiMetadataKey, AsciiMetadataValue},
    transport::Endpoint,
};

use super::Play;
use crate::{
    file::Grpc,
    report::{Expect as _, Failure},
};

/// All contracts of the shop.
static CONTRACTS: LazyLock<DescriptorPool> = LazyLock::new(|| {
    // Generated with the code beside it.
    DescriptorPool::decode(proto::FILE_DESCRIPTOR_SET).unwrap_or_default()
});

impl Play<'_> {
    /// The response as JSON, or what it was refused with.
    pub(super) async fn unary(&self, call: &Grpc, token: Option<&str>) -> Result<Result<Value, Status>, Failure> {
        let method = method(&call.call)?;
        let address = match method.parent_service().name() {
            "AccountService" => &self.stage.shop.account,
            "RecommenderService" => &self.stage.shop.recommender,
            "OrderService" => &self.stage.shop.order,
            "PaymentService" => &self.stage.shop.payment_grpc,
            other => return Err(Failure::new("a service of the shop", other)),
        };
        let message = match &call.message {
            Value::Null => DynamicMessage::new(method.input()),
            value => DynamicMessage::deserialize(method.input(), value)
                .map_err(|error| Failure::new(format_args!("a {}", method.input().name()), error))?,
        };
        let mut request = Request::new(message);
        let bearer = token.map(|token| ("authorization".to_owned(), format!("Bearer {token}")));
        for (name, value) in call.metadata.clone().into_iter().chain(bearer) {
            let name = AsciiMetadataKey::from_bytes(name.as_bytes()).expect_that("a name of metadata")?;
            request.metadata_mut().insert(name, AsciiMetadataValue::try_from(value).expect_that("visible letters")?);
        }
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect_that("an address")?;
        let channel = match endpoint.connect().await {
            Ok(channel) => channel,
            Err(error) => return Ok(Err(Status::unavailable(crate::gateway::chain(&error)))),
        };
        let mut caller = Caller::new(channel);
        caller.ready().await.expect_that("a connection")?;
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let path = path.parse().expect_that("a path")?;
        match caller.unary(request, path, ByDescriptor(method)).await {
            Ok(response) => {
                let options = SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(false);
                let options = options.skip_default_fields(false);
                let message = response.into_inner();
                let value = message.serialize_with_options(serde_json::value::Serializer, &options);
                Ok(Ok(value.expect_that("a response that has a JSON form")?))
            }
            Err(status) => Ok(Err(status)),
        }
    }
}

/// `pb.OrderService/GetOrder`.
fn method(call: &str) -> Result<MethodDescriptor, Failure> {
    let (service, name) = call.split_once('/').unwrap_or((call, ""));
    let services: Vec<String> = CONTRACTS.services().map(|service| service.full_name().to_owned()).collect();
    let service = CONTRACTS
        .get_service_by_name(service)
        .ok_or_else(|| Failure::new(format_args!("a service {service}"), services.join(", ")))?;
    let methods: Vec<String> = service.methods().map(|method| method.name().to_owned()).collect();
    let method = service.methods().find(|method| method.name() == name);
    let method = method.ok_or_else(|| Failure::new(format_args!("a method {call}"), methods.join(", ")))?;
    if method.is_client_streaming() || method.is_server_streaming() {
        return Err(Failure::new("a method of one request and one response", format_args!("{call} streams")));
    }
    Ok(method)
}

/// Messages of one method.
#[derive(Debug, Clone)]
struct ByDescriptor(MethodDescriptor);

struct Reader(MessageDescriptor);
struct Writer;

impl Codec for ByDescriptor {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Writer;
    type Decoder = Reader;

    fn encoder(&mut self) -> Writer {
        Writer
    }

    fn decoder(&mut self) -> Reader {
        Reader(self.0.output())
    }
}

impl Encoder for Writer {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, message: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&message.encode_to_vec());
        Ok(())
    }
}

impl Decoder for Reader {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        let message = DynamicMessage::decode(self.0.clone(), bytes);
        message.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
