// Headers of the editor go with requests, and as connection_init's payload with subscriptions: a token works in both.
const url = new URL("/graphql", location.href);
const socket = new URL(url);
socket.protocol = url.protocol === "https:" ? "wss:" : "ws:";

const welcome = `# The shop's API. Log in (or register) first, then put the token into the headers below:
#   { "Authorization": "Bearer <token>" }

query Shelf {
  products(first: 5, search: "teapot") {
    nodes { id name price }
    pageInfo { hasNextPage endCursor }
  }
}

# mutation Join {
#   register(name: "Ada", email: "ada@example.org", password: "correct horse") { token }
# }
`;

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: url.href, subscriptionUrl: socket.href }),
    defaultQuery: welcome,
    defaultEditorToolsVisibility: "headers",
  }),
);
