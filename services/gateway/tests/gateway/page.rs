use kit::auth::Mode;
use reqwest::header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};

use crate::shop::{NO_BROKER, Shop};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[tokio::test]
async fn a_browser_gets_graphiql_that_loads_nothing_from_elsewhere() {
    let shop = Shop::required().await;
    let page = shop.client().get("/graphql").header(ACCEPT, BROWSER).send().await.expect("an answer");
    assert_eq!(page.status(), 200);
    let policy = page.headers()[CONTENT_SECURITY_POLICY].to_str().expect("ASCII").to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"), "{policy}");
    let html = page.text().await.expect("text");
    assert!(html.contains("GraphiQL") && !html.contains("http:") && !html.contains("https:"), "{html}");
    let links = html.split('"').filter(|part| part.starts_with("/graphql/assets/"));
    let links: Vec<_> = links.map(str::to_owned).collect();
    assert!(links.len() >= 5, "{links:?}");
    for link in links {
        let asset = shop.client().get(&link).send().await.expect("an answer");
        assert_eq!(asset.status(), 200, "{link}");
        let kind = asset.headers()[CONTENT_TYPE].to_str().expect("ASCII").to_owned();
        let expected = if link.ends_with(".js") { "text/javascript" } else { "text/css" };
        assert!(kind.starts_with(expected), "{link}: {kind}");
        assert!(!asset.bytes().await.expect("bytes").is_empty(), "{link}");
    }
    assert_eq!(shop.client().get("/graphql/assets/other.js").send().await.expect("an answer").status(), 404);
}

#[tokio::test]
async fn the_root_leads_to_graphiql() {
    let shop = Shop::required().await;
    let root = shop.client().get("/").send().await.expect("an answer");
    assert_eq!((root.status().as_u16(), root.headers()[LOCATION].as_bytes()), (307, &b"/graphql"[..]));
}

#[tokio::test]
async fn the_gateway_is_ready_by_itself_and_tells_which_services_answer() {
    let shop = Shop::with_brokers(Mode::Required, NO_BROKER).await;
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(shop.client().get(path).send().await.expect("an answer").status(), 200, "{path}");
    }
    let report: serde_json::Value =
        shop.client().get("/health/upstreams").send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(report["status"], "degraded", "there is no broker");
    for (name, word) in [("account", "ok"), ("order", "ok"), ("product", "ok"), ("kafka", "unavailable")] {
        assert_eq!(report["upstreams"][name], word, "{report}");
    }
}
