// One function for the whole API (payload 2.0). It counts its calls, so that
// one sees which requests came as far as here.
let calls = 0;

const catalogue = {
  acme: ['anvil', 'rocket skates', 'rocket'],
  globex: ['rocket fuel', 'umbrella'],
};

const answer = (body, cacheControl, statusCode = 200) => ({
  statusCode,
  headers: { 'content-type': 'application/json', 'cache-control': cacheControl },
  body: JSON.stringify({ call: calls, ...body }),
});

export const handler = async (event) => {
  calls++;
  const who = event.requestContext.authorizer?.lambda;
  switch (event.routeKey) {
    case 'GET /search': {
      const tenant = event.headers['x-tenant'];
      const q = event.queryStringParameters?.q ?? '';
      const found = (catalogue[tenant] ?? []).filter((name) => name.includes(q));
      return answer({ tenant, q, found }, 'public, max-age=60');
    }
    case 'GET /reports/{name}':
      return answer({ report: event.pathParameters.name, for: who.user, tenant: who.tenant }, 'max-age=30');
    default:
      return answer({ user: who.user, tenant: who.tenant }, 'no-store');
  }
};
