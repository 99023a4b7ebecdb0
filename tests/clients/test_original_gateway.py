"""The original's gateway: Strawberry over the same services, without credentials; and the queries of its clients."""

import account_pb2
import account_pb2_grpc
import grpc
import httpx
import order_pb2
import order_pb2_grpc
import payment_pb2
import payment_pb2_grpc
import pytest
import recommender_pb2
import recommender_pb2_grpc
import strawberry
from conftest import DEADLINE, eventually, fresh

CREATE_ORDER = """
mutation ($accountId: Int!, $products: [OrderProductInput!]!) {
  createOrder(accountId: $accountId, products: $products) {
    id accountId totalPrice status products { productId quantity }
  }
}"""
CHECKOUT = """
mutation ($userId: Int!, $orderId: Int!, $email: String!, $products: [OrderProductInput!]!) {
  checkout(userId: $userId, orderId: $orderId, email: $email, products: $products) { checkoutUrl }
}"""
REGISTER = """
mutation ($name: String!, $email: String!, $password: String!) {
  register(name: $name, email: $email, password: $password) { token }
}"""
RECOMMENDATIONS = "query ($userId: String!) { recommendations(userId: $userId) { id name price } }"


@strawberry.type
class Product:
    id: str
    name: str
    description: str
    price: float


@strawberry.type
class AuthResponse:
    token: str


@strawberry.type
class CheckoutResponse:
    checkout_url: str


@strawberry.type
class OrderProduct:
    product_id: str
    quantity: int


@strawberry.type
class Order:
    id: int
    account_id: int
    total_price: float
    status: str
    products: list[OrderProduct]


@strawberry.input
class OrderProductInput:
    product_id: str
    quantity: int


def original_schema(shop):
    """The thin layer that the original's gateway was."""

    def channel(name):
        return grpc.insecure_channel(shop[name])

    account = account_pb2_grpc.AccountServiceStub(channel("account"))
    order = order_pb2_grpc.OrderServiceStub(channel("order"))
    payment = payment_pb2_grpc.PaymentServiceStub(channel("payment_grpc"))
    recommender = recommender_pb2_grpc.RecommenderServiceStub(channel("recommender"))

    @strawberry.type
    class Query:
        @strawberry.field
        def hello(self) -> str:
            return "Hello"

        @strawberry.field
        def recommendations(self, user_id: str) -> list[Product]:
            request = recommender_pb2.RecommendationRequestForUserId(user_id=user_id, skip=0, take=5)
            found = recommender.GetRecommendations(request, timeout=DEADLINE).recommended_products
            return [Product(id=p.id, name=p.name, description=p.description, price=p.price) for p in found]

    @strawberry.type
    class Mutation:
        @strawberry.mutation
        def register(self, name: str, email: str, password: str) -> AuthResponse:
            request = account_pb2.RegisterRequest(name=name, email=email, password=password)
            return AuthResponse(token=account.Register(request, timeout=DEADLINE).value)

        @strawberry.mutation
        def create_order(self, account_id: int, products: list[OrderProductInput]) -> Order:
            lines = [order_pb2.OrderProduct(product_id=p.product_id, quantity=p.quantity) for p in products]
            request = order_pb2.CreateOrderRequest(account_id=account_id, products=lines)
            made = order.CreateOrder(request, timeout=DEADLINE).order
            return Order(
                id=made.id,
                account_id=made.account_id,
                total_price=made.total_price,
                status=made.status,
                products=[OrderProduct(product_id=p.product_id, quantity=p.quantity) for p in made.products],
            )

        @strawberry.mutation
        def checkout(
            self, user_id: int, order_id: int, email: str, products: list[OrderProductInput]
        ) -> CheckoutResponse:
            lines = [payment_pb2.CartItem(product_id=p.product_id, quantity=p.quantity) for p in products]
            request = payment_pb2.CreateCheckoutRequest(
                user_id=user_id, order_id=order_id, email=email, products=lines
            )
            url = payment.CreateCheckoutSession(request, timeout=DEADLINE).checkout_url
            return CheckoutResponse(checkout_url=url)

    schema = strawberry.Schema(Query, Mutation)

    def execute(query, variables=None):
        result = schema.execute_sync(query, variable_values=variables)
        assert not result.errors, result.errors
        return result.data

    return execute


def our_gateway(shop):
    def execute(query, variables=None):
        answer = shop.graphql(query, variables)
        assert "errors" not in answer, answer
        return answer["data"]

    return execute


@pytest.mark.parametrize("gateway", [original_schema, our_gateway], ids=["theirs", "ours"])
def test_the_originals_queries_buy_through_either_gateway(open_shop, gateway):
    execute = gateway(open_shop)
    assert isinstance(execute("{ hello }")["hello"], str)
    email = f"{fresh('strawberry')}@example.com"
    token = execute(REGISTER, {"name": "S", "email": email, "password": "long enough"})["register"]["token"]
    assert token.count(".") == 2

    with httpx.Client(base_url=open_shop["product"], timeout=DEADLINE, follow_redirects=True) as products:
        body = {"name": "Berry", "description": "red", "price": 0.1, "account_id": 7}
        made = products.post("/products/", json=body).raise_for_status().json()
        assert products.get(f"/products/{made['id']}").raise_for_status().json() == made

    lines = [{"productId": made["id"], "quantity": 3}]
    order = execute(CREATE_ORDER, {"accountId": 7, "products": lines})["createOrder"]
    assert order == {"id": order["id"], "accountId": 7, "totalPrice": 0.3, "status": "PENDING", "products": lines}
    variables = {"userId": 7, "orderId": order["id"], "email": email, "products": lines}
    url = execute(CHECKOUT, variables)["checkout"]["checkoutUrl"]
    page = httpx.get(url, timeout=DEADLINE).json()
    httpx.get(open_shop["payment_http"] + page["success_url"], timeout=DEADLINE).raise_for_status()

    status = "query ($id: Int!) { order(id: $id) { status } }"
    paid = eventually(
        "the order is paid",
        lambda: (open_shop.graphql(status, {"id": order["id"]})["data"]["order"]["status"] == "PAID") or None,
    )
    assert paid
    recommended = execute(RECOMMENDATIONS, {"userId": "7"})["recommendations"]
    assert len(recommended) == 5 and made["id"] not in [product["id"] for product in recommended]
