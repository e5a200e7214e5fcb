// One function, two routes: what /search answers may be kept, what /me answers may not.
exports.handler = async (event) => {
  const json = (cacheControl, body) => ({
    statusCode: 200,
    headers: { 'content-type': 'application/json', 'cache-control': cacheControl },
    body: JSON.stringify(body),
  });
  if (event.resource === '/me') {
    return json('private, no-store', { authorization: event.headers.Authorization ?? null });
  }
  const { q = '', page = '1' } = event.queryStringParameters ?? {};
  return json('public, max-age=30', { q, page, language: event.headers['Accept-Language'] ?? null, made: new Date().toISOString() });
};
