// A Lambda authorizer with simple responses (payload 2.0). Real ones look the
// token up, or check its signature.
const tokens = {
  'Bearer ann-1': { user: 'ann', tenant: 'acme' },
  'Bearer gus-1': { user: 'gus', tenant: 'globex' },
};

export const handler = async (event) => {
  const context = tokens[event.headers.authorization];
  return context ? { isAuthorized: true, context } : { isAuthorized: false };
};
