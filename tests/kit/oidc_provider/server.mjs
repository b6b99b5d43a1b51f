// Only settings: everything that answers is the npm package oidc-provider, found in the folder of the first argument.
// Prints the port it listens on, as JSON, and ends when its standard input ends.
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const [modules, redirectUri, accessSeconds] = process.argv.slice(2);
const entry = createRequire(pathToFileURL(`${modules}/`)).resolve('oidc-provider');
const { Provider, errors } = await import(pathToFileURL(entry));

const person = { redirect_uris: [redirectUri], grant_types: ['authorization_code', 'refresh_token'] };
const machine = { redirect_uris: [], response_types: [], grant_types: ['client_credentials'] };
const clients = [
  { ...person, client_id: 'in-header', client_secret: 's3cr+t/=&%?', token_endpoint_auth_method: 'client_secret_basic' },
  { ...person, client_id: 'in-body', client_secret: 's3cr+t/=&%?', token_endpoint_auth_method: 'client_secret_post' },
  { ...person, client_id: 'public', token_endpoint_auth_method: 'none' },
  { ...machine, client_id: 'machine', client_secret: 'm: ch+ne%2B', token_endpoint_auth_method: 'client_secret_basic' },
];

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
      AccessToken: Number(accessSeconds), AuthorizationCode: 30, ClientCredentials: 60, Grant: 600, IdToken: 600,
      Interaction: 600, RefreshToken: 600, Session: 600,
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
  server.on('request', provider.callback());
  console.log(JSON.stringify({ port }));
});
process.stdin.on('end', () => process.exit(0)).resume();
