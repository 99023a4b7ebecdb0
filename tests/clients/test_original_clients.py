"""The original's Python clients: stubs generated from its own .proto files (`original/`), used as it used them."""

import account_pb2
import account_pb2_grpc
import grpc
import order_pb2
import order_pb2_grpc
import payment_pb2
import payment_pb2_grpc
import pytest
import recommender_pb2
import recommender_pb2_grpc
import requests
from conftest import DEADLINE, eventually, fresh
from google.protobuf.wrappers_pb2 import UInt64Value


class Clients:
    def __init__(self, shop):
        def channel(name):
            return grpc.insecure_channel(shop[name])

        self.shop = shop
        self.account = account_pb2_grpc.AccountServiceStub(channel("account"))
        self.order = order_pb2_grpc.OrderServiceStub(channel("order"))
        self.payment = payment_pb2_grpc.PaymentServiceStub(channel("payment_grpc"))
        self.recommender = recommender_pb2_grpc.RecommenderServiceStub(channel("recommender"))

    def register(self):
        """E-mail, token and account id of somebody new."""
        email = f"{fresh('original')}@example.com"
        request = account_pb2.RegisterRequest(name="Original", email=email, password="long enough")
        token = self.account.Register(request, timeout=DEADLINE).value
        me = "{ me { id } }"
        return email, token, self.shop.graphql(me, token=token)["data"]["me"]["id"]

    def buy(self, account_id, email, metadata):
        """Orders two products and pays on the page, all in the original's way."""
        one, other = self.shop.products(2)
        lines = [(one, 2), (other, 1)]
        order = self.order.CreateOrder(
            order_pb2.CreateOrderRequest(
                account_id=account_id,
                products=[order_pb2.OrderProduct(product_id=p["id"], quantity=n) for p, n in lines],
            ),
            metadata=metadata,
            timeout=DEADLINE,
        ).order
        assert order.account_id == account_id
        assert order.status == "PENDING"
        assert order.total_price == round(sum(p["price"] * n for p, n in lines), 2)
        assert [(p.product_id, p.quantity) for p in order.products] == [(p["id"], n) for p, n in lines]
        url = self.payment.CreateCheckoutSession(
            payment_pb2.CreateCheckoutRequest(
                user_id=account_id,
                order_id=order.id,
                email=email,
                products=[payment_pb2.CartItem(product_id=p["id"], quantity=n) for p, n in lines],
            ),
            metadata=metadata,
            timeout=DEADLINE,
        ).checkout_url
        page = requests.get(url, timeout=DEADLINE).json()
        assert {"message", "success_url", "fail_url"} <= set(page)
        paid = requests.get(self.shop["payment_http"] + page["success_url"], timeout=DEADLINE)
        assert paid.status_code == 200 and "message" in paid.json()
        return order

    def is_paid(self, order, metadata):
        """An order that is paid refuses another checkout, and so the original can see it."""
        request = payment_pb2.CreateCheckoutRequest(user_id=order.account_id, order_id=order.id, email="a@b.example")
        try:
            self.payment.CreateCheckoutSession(request, metadata=metadata, timeout=DEADLINE)
        except grpc.RpcError as refused:
            return refused.code() == grpc.StatusCode.FAILED_PRECONDITION
        return False


@pytest.fixture(scope="module")
def clients(shop):
    return Clients(shop)


@pytest.fixture(scope="module")
def open_clients(open_shop):
    return Clients(open_shop)


def refusal(call, request, **more):
    with pytest.raises(grpc.RpcError) as refused:
        call(request, timeout=DEADLINE, **more)
    return refused.value.code()


def test_accounts_are_made_logged_into_and_read(clients):
    email, token, account_id = clients.register()
    login = account_pb2.LoginRequest(email=email, password="long enough")
    again = clients.account.Login(login, timeout=DEADLINE).value
    bearer = [("authorization", f"Bearer {again}")]
    account = clients.account.GetAccount(UInt64Value(value=account_id), metadata=bearer, timeout=DEADLINE).account
    assert (account.id, account.name, account.email) == (account_id, "Original", email)

    taken = account_pb2.RegisterRequest(name="B", email=email, password="long enough")
    assert refusal(clients.account.Register, taken) == grpc.StatusCode.ALREADY_EXISTS
    wrong = account_pb2.LoginRequest(email=email, password="another one")
    assert refusal(clients.account.Login, wrong) == grpc.StatusCode.UNAUTHENTICATED
    missing = UInt64Value(value=2**40)
    assert refusal(clients.account.GetAccount, missing, metadata=bearer) == grpc.StatusCode.NOT_FOUND


def test_with_a_token_an_order_is_made_paid_and_closed(clients):
    email, token, account_id = clients.register()
    bearer = [("authorization", f"Bearer {token}")]
    order = clients.buy(account_id, email, bearer)
    eventually("the order is paid", lambda: clients.is_paid(order, bearer))


def test_without_a_token_nothing_is_sold(clients):
    product = clients.shop.products(1)[0]
    lines = [order_pb2.OrderProduct(product_id=product["id"], quantity=1)]
    request = order_pb2.CreateOrderRequest(account_id=1, products=lines)
    assert refusal(clients.order.CreateOrder, request) == grpc.StatusCode.UNAUTHENTICATED


def test_in_open_mode_clients_that_send_no_credentials_buy_as_before(open_clients):
    # The account is not one of account's: the original never looked.
    order = open_clients.buy(4711, "nobody@example.com", None)
    eventually("the order is paid", lambda: open_clients.is_paid(order, None))
    paid = order_pb2.UpdateOrderStatusRequest(order_id=order.id, status="PAID")
    assert refusal(open_clients.order.UpdateOrderStatus, paid) in (
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
    )


def test_in_open_mode_a_bad_token_stays_bad(open_clients):
    product = open_clients.shop.products(1)[0]
    lines = [order_pb2.OrderProduct(product_id=product["id"], quantity=1)]
    request = order_pb2.CreateOrderRequest(account_id=1, products=lines)
    forged = [("authorization", "Bearer abc.def.ghi")]
    assert refusal(open_clients.order.CreateOrder, request, metadata=forged) == grpc.StatusCode.UNAUTHENTICATED


def test_products_are_made_and_read_over_rest_as_before(open_clients):
    url = open_clients.shop["product"]
    body = {"name": "A lamp", "description": "warm", "price": 19.99, "account_id": 4711}
    # Without the slash, as some of the original's callers wrote it: a redirect that keeps method and body.
    made = requests.post(f"{url}/products", json=body, timeout=DEADLINE)
    assert made.status_code == 201
    assert {key: made.json()[key] for key in body} == body
    read = requests.get(f"{url}/products/{made.json()['id']}", timeout=DEADLINE)
    assert read.json() == made.json()
    unknown = requests.get(f"{url}/products/unknown", timeout=DEADLINE)
    assert (unknown.status_code, unknown.json()) == (404, {"detail": "Product not found"})
    assert requests.get(f"{url}/health", timeout=DEADLINE).json() == {"status": "ok"}


def test_recommendations_come_for_users_and_for_views(clients):
    viewed = [product["id"] for product in clients.shop.products(3)]
    request = recommender_pb2.RecommendationRequestOnViews(ids=viewed, skip=0, take=7)

    def by_views():
        found = clients.recommender.GetRecommendationsBasedOnViewed(request, timeout=DEADLINE)
        return found.recommended_products if len(found.recommended_products) == 7 else None

    found = eventually("there are seven", by_views)
    assert not {product.id for product in found} & set(viewed)
    assert all(product.name and product.price >= 0 for product in found)
    request = recommender_pb2.RecommendationRequestForUserId(user_id="nobody yet")
    popular = clients.recommender.GetRecommendations(request, timeout=DEADLINE)
    assert len(popular.recommended_products) == 5
