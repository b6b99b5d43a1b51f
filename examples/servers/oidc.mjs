// Only settings: everything that answers is the npm package oidc-provider, found in the folder of the first argument.
// Prints the port it listens on, then what happens to grants, as lines of JSON; ends when its standard input ends.
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const PASSWORDS = { alice: 'wonder+land/=&%? ü' };
const LONG = 4 * 60 * 60; // a storm of renewals takes its time
const [modules, redirectUri, accessSeconds] = process.argv.slice(2);
const entry = createRequire(pathToFileURL(`${modules}/`)).resolve('oidc-provider');
const { Provider, errors } = await import(pathToFileURL(entry));

const person = { redirect_uris: [redirectUri], grant_types: ['authorization_code', 'refresh_token'] };
const machine = { redirect_uris: [], response_types: [], grant_types: ['client_credentials'] };
const clients = [
  { ...person, client_id: 'in-header', client_secret: 's3cr+t/=&%?', token_endpoint_auth_method: 'client_secret_basic' },
  { ...person, client_id: 'in-body', client_secret: 's3cr+t/=&%?', token_endpoint_auth_method: 'client_secret_post' },
  { ...person, client_id: 'public', token_endpoint_auth_method: 'none' },
  {
    ...machine, client_id: 'old-fashioned', client_secret: 's3cr+t/=&%?', grant_types: ['password', 'refresh_token'],
    token_endpoint_auth_method: 'client_secret_basic',
  },
  { ...machine, client_id: 'machine', client_secret: 'm: ch+ne%2B', token_endpoint_auth_method: 'client_secret_basic' },
];

// The grant that OAuth 2.1 leaves out and that services still have. oidc-provider checks the client, and lets us add it.
const passwordGrant = (provider) => async (ctx) => {
  const { client, params } = ctx.oidc;
  if (!Object.hasOwn(PASSWORDS, params.username) || PASSWORDS[params.username] !== params.password) {
    throw new errors.InvalidGrant('wrong name or password');
  }
  const scope = 'openid offline_access';
  const grant = new provider.Grant({ accountId: params.username, clientId: client.clientId });
  grant.addOIDCScope(scope);
  const said = { accountId: params.username, client, grantId: await grant.save(), gty: 'password', scope, claims: {} };
  const access = new provider.AccessToken(said);
  const refresh = new provider.RefreshToken({ ...said, rotations: 0, iiat: Math.floor(Date.now() / 1000) });
  ctx.body = {
    access_token: await access.save(), expires_in: access.expiration, token_type: access.tokenType,
    refresh_token: await refresh.save(), scope,
  };
};

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients,
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: async (context, client) => client.grantTypeAllowed('refresh_token'),
    clockTolerance: 0, // by default expired tokens stay good for 15 more seconds
    ttl: {
      AccessToken: Number(accessSeconds), AuthorizationCode: 30, ClientCredentials: 60, Grant: LONG, IdToken: 600,
      Interaction: 600, RefreshToken: LONG, Session: 600,
    },
    scopes: ['openid', 'offline_access', 'api:read', 'api:write'],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: async (context, resource) => {
          if (resource !== 'urn:api') throw new errors.InvalidTarget();
          return { scope: 'api:read', audience: 'api', accessTokenFormat: 'jwt' };
        },
      },
    },
    findAccount: async (context, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    cookies: { keys: ['of a test'] },
  });
  provider.registerGrantType('password', passwordGrant(provider), ['username', 'password', 'scope']);
  for (const event of ['grant.revoked', 'refresh_token.consumed']) {
    provider.on(event, () => console.log(JSON.stringify({ event })));
  }
  server.on('request', provider.callback());
  console.log(JSON.stringify({ port }));
});
process.stdin.on('end', () => process.exit(0)).resume();
