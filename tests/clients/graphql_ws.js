// A GraphQL client in JavaScript: introspection as code generators do it, Relay paging, and graphql-ws.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildClientSchema, getIntrospectionQuery, parse, validate } from 'graphql'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'

const shop = JSON.parse(process.env.SHOP)
const DEADLINE = 60_000

async function graphql(query, variables = {}, token = undefined) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) }
  const body = JSON.stringify({ query, variables })
  const answer = await fetch(shop.gateway, { method: 'POST', headers, body, signal: AbortSignal.timeout(DEADLINE) })
  return answer.json()
}

async function data(...call) {
  const answer = await graphql(...call)
  assert.equal(answer.errors, undefined, JSON.stringify(answer.errors))
  return answer.data
}

async function shopper() {
  const email = `js-${crypto.randomUUID()}@example.com`
  const register = 'mutation ($e: String!) { register(name: "J", email: $e, password: "long enough") { token } }'
  return (await data(register, { e: email })).register.token
}

async function order(token) {
  const { products } = await data('{ products(first: 1) { nodes { id } } }')
  const create = 'mutation ($p: String!) { createOrder(products: [{ productId: $p, quantity: 2 }]) { id } }'
  return (await data(create, { p: products.nodes[0].id }, token)).createOrder.id
}

test('introspection builds a schema that accepts the queries of the original', { timeout: DEADLINE }, async () => {
  const plain = buildClientSchema(await data(getIntrospectionQuery()))
  assert.deepEqual(validate(plain, parse('mutation ($id: Int!) { checkout(orderId: $id) { checkoutUrl } }')), [])
  // The arguments that the token made superfluous are deprecated, so they show only to who asks for such.
  const whole = buildClientSchema(await data(getIntrospectionQuery({ inputValueDeprecation: true })))
  const original = parse(`
    mutation ($accountId: Int!, $products: [OrderProductInput!]!, $userId: Int!, $orderId: Int!, $email: String!) {
      createOrder(accountId: $accountId, products: $products) { id accountId totalPrice status }
      checkout(userId: $userId, orderId: $orderId, email: $email, products: $products) { checkoutUrl }
    }`)
  assert.deepEqual(validate(whole, original), [])
})

test('paging the Relay way passes every product once', { timeout: 5 * DEADLINE }, async () => {
  const page = `query ($after: String) {
    products(first: 100, after: $after) { edges { cursor node { id } } pageInfo { hasNextPage endCursor } }
  }`
  const seen = new Set()
  let count = 0
  for (let after = null; ; ) {
    const { products } = await data(page, { after })
    for (const edge of products.edges) seen.add(edge.node.id)
    count += products.edges.length
    if (!products.pageInfo.hasNextPage) break
    assert.equal(products.edges.at(-1).cursor, products.pageInfo.endCursor)
    after = products.pageInfo.endCursor
  }
  assert.equal(seen.size, count)
  assert.ok(count >= 2205, `${count} products`)
})

function subscriber(token) {
  return createClient({
    url: shop.gateway.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: token ? { authorization: `Bearer ${token}` } : {},
    retryAttempts: 0,
  })
}

const SUBSCRIPTION = 'subscription ($id: Int!) { orderStatus(orderId: $id) { status } }'

test('a subscription tells an order until it is paid', { timeout: 2 * DEADLINE }, async () => {
  const token = await shopper()
  const id = await order(token)
  const client = subscriber(token)
  const statuses = []
  for await (const event of client.iterate({ query: SUBSCRIPTION, variables: { id } })) {
    assert.equal(event.errors, undefined, JSON.stringify(event.errors))
    statuses.push(event.data.orderStatus.status)
    if (statuses.length === 1) {
      const { checkout } = await data('mutation ($id: Int!) { checkout(orderId: $id) { checkoutUrl } }', { id }, token)
      const paid = await fetch(`${checkout.checkoutUrl.replace('/simulate_payment/', '/simulate_payment_action/')}/SUCCESS`)
      assert.equal(paid.status, 200)
    }
    if (statuses.at(-1) === 'PAID') break
  }
  assert.deepEqual([statuses[0], statuses.at(-1)], ['PENDING', 'PAID'])
  await client.dispose()
})

test("nobody else's order is told", { timeout: DEADLINE }, async () => {
  const id = await order(await shopper())
  for (const token of [await shopper(), undefined]) {
    const client = subscriber(token)
    const told = []
    try {
      for await (const event of client.iterate({ query: SUBSCRIPTION, variables: { id } })) told.push(event)
    } catch (refused) {
      told.push({ errors: [].concat(refused) })
    }
    assert.ok(told.length > 0 && told.every((event) => event.errors && !event.data?.orderStatus), JSON.stringify(told))
    await client.dispose()
  }
})
