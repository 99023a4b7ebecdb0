"""What a client learns that has no .proto file: by grpcio's reflection, and by grpcurl."""

import json
import shutil
import subprocess

import grpc
import pytest
from conftest import DEADLINE, fresh
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SERVICES = {
    "account": ("pb.AccountService", {"Register", "Login", "GetAccount"}),
    "recommender": ("pb.RecommenderService", {"GetRecommendations", "GetRecommendationsBasedOnViewed"}),
    "order": ("pb.OrderService", {"CreateOrder", "UpdateOrderStatus", "GetOrder", "CancelOrder", "ListOrders"}),
    "payment_grpc": ("pb.PaymentService", {"CreateCheckoutSession"}),
}
grpcurl = pytest.mark.skipif(not shutil.which("grpcurl"), reason="grpcurl is not installed")


def curl(*arguments):
    command = ["grpcurl", "-plaintext", "-max-time", str(DEADLINE), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=2 * DEADLINE)


@pytest.mark.parametrize("address", SERVICES)
def test_grpcio_finds_every_service_and_method(shop, address):
    service, methods = SERVICES[address]
    database = ProtoReflectionDescriptorDatabase(grpc.insecure_channel(shop[address]))
    assert {service, "grpc.health.v1.Health"} <= set(database.get_services())
    found = DescriptorPool(database).FindServiceByName(service)
    assert methods <= {method.name for method in found.methods}


def test_grpcio_calls_what_it_has_only_heard_of(shop):
    channel = grpc.insecure_channel(shop["recommender"])
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    method = pool.FindServiceByName("pb.RecommenderService").methods_by_name["GetRecommendations"]
    request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    call = channel.unary_unary(
        "/pb.RecommenderService/GetRecommendations",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )
    assert len(call(request(user_id="1", take=3), timeout=DEADLINE).recommended_products) == 3


@grpcurl
@pytest.mark.parametrize("address", SERVICES)
def test_grpcurl_lists_and_describes(shop, address):
    service, methods = SERVICES[address]
    assert service in curl(shop[address], "list").stdout.split()
    described = curl(shop[address], "describe", service).stdout
    assert all(f"rpc {method} (" in described for method in methods), described


@grpcurl
@pytest.mark.parametrize("address", SERVICES)
def test_grpcurl_sees_that_a_service_is_healthy(shop, address):
    said = curl(shop[address], "grpc.health.v1.Health/Check")
    assert json.loads(said.stdout) == {"status": "SERVING"}, said.stderr


@grpcurl
def test_grpcurl_registers_and_is_told_its_error_codes(shop):
    body = json.dumps({"name": "Curl", "email": f"{fresh('curl')}@example.com", "password": "long enough"})
    made = curl("-d", body, shop["account"], "pb.AccountService/Register")
    assert json.loads(made.stdout).count(".") == 2, made.stderr
    again = curl("-d", body, shop["account"], "pb.AccountService/Register")
    assert again.returncode != 0 and "AlreadyExists" in again.stderr
    anonymous = curl("-d", '{"products": [{"product_id": "x", "quantity": 1}]}', shop["order"], "pb.OrderService/CreateOrder")
    assert anonymous.returncode != 0 and "Unauthenticated" in anonymous.stderr
