use crate::shop::Shop;

/// The schema as clients may generate code from it. `UPDATE_SCHEMA=1 cargo test -p gateway schema` writes it anew.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");

#[test]
fn the_committed_schema_is_the_one_that_is_served() {
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(FILE, gateway::sdl()).expect("schema.graphql can be written");
    }
    let committed = std::fs::read_to_string(FILE).expect("schema.graphql is there");
    assert!(committed == gateway::sdl(), "schema.graphql has drifted: write it anew and look at the difference");
}

/// What clients of the original system were generated with, against its own schema.
const ORIGINAL: [&str; 5] = [
    "query { hello }",
    "query R($userId: String!) { recommendations(userId: $userId) { id name description price } }",
    "mutation R($name: String!, $email: String!, $password: String!) {
        register(name: $name, email: $email, password: $password) { token } }",
    "mutation O($accountId: Int!, $products: [OrderProductInput!]!) {
        createOrder(accountId: $accountId, products: $products) {
            id accountId totalPrice status products { productId quantity } } }",
    "mutation C($userId: Int!, $orderId: Int!, $email: String!, $products: [OrderProductInput!]!) {
        checkout(userId: $userId, orderId: $orderId, email: $email, products: $products) { checkoutUrl } }",
];

#[tokio::test]
async fn queries_of_the_originals_clients_still_work() {
    let shop = Shop::required().await;
    shop.fakes.put_order(1, 7, "PENDING", 1);
    let variables = serde_json::json!({
        "userId": "7", "name": "Ada", "email": "user7@example.org", "password": "correct horse", "accountId": 7,
        "orderId": 1, "products": [{"productId": "mug", "quantity": 2}],
    });
    for query in ORIGINAL {
        let mut variables = variables.clone();
        if query.contains("$userId: Int!") {
            variables["userId"] = 7.into();
        }
        shop.user(7).query_with(query, variables).await.data();
    }
}

#[tokio::test]
async fn graphiqls_introspection_passes_all_limits() {
    let shop = Shop::required().await;
    let answer = shop.client().query(include_str!("introspection.graphql")).await;
    let types = answer.data()["__schema"]["types"].as_array().expect("a list of types").clone();
    let named = |name: &str| types.iter().find(|found| found["name"] == name).unwrap_or_else(|| panic!("no {name}"));
    let statuses = named("OrderStatus")["enumValues"].as_array().expect("an enum").clone();
    let statuses: Vec<_> = statuses.iter().map(|value| value["name"].as_str().expect("a name")).collect();
    assert_eq!(statuses, ["PENDING", "PAID", "PAYMENT_FAILED", "CANCELLED"]);
    let fields = named("Mutation")["fields"].as_array().expect("an object").clone();
    for (field, deprecated) in [("createOrder", &["accountId"][..]), ("checkout", &["userId", "email", "products"])] {
        let field = fields.iter().find(|found| found["name"] == field).expect("a mutation");
        let arguments = field["args"].as_array().expect("arguments").iter();
        let marked: Vec<_> = arguments.filter(|arg| arg["isDeprecated"] == true).map(|arg| &arg["name"]).collect();
        assert_eq!(marked, deprecated);
    }
}
