// The official runtime behind Node's own HTTP server: no token, no schema, no jail, no ledger.
// Run it as `NODE_PATH=…/node_modules THIRD_PARTY=http://127.0.0.1:1 node server.js PORT`.
const http = require('node:http');
const { OperationExecutionGateway } = require('@trayio/cdk-runtime/connector/operation/OperationExecutionGateway');
const { AxiosHttpClient } = require('@trayio/axios/http/AxiosHttpClient');
require('./handler');

const storage = { write: async () => undefined, getSharedUrl: async () => ({ url: '' }) };
const gateway = new OperationExecutionGateway(new AxiosHttpClient(storage), storage);
const operation = gateway.lookup({ name: 'get_thing' }, false).value;

http
  .createServer((request, response) => {
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', async () => {
      const asked = JSON.parse(Buffer.concat(pieces).toString());
      const result = await operation.execute({ auth: { user: {}, app: {} } }, asked.input);
      const answer = Buffer.from(JSON.stringify(result));
      response.writeHead(result.isSuccess === false || result._tag === 'Left' ? 500 : 200, {
        'content-type': 'application/json',
        'content-length': answer.length,
      });
      response.end(answer);
    });
  })
  .listen(Number(process.argv[2]), '127.0.0.1');
