// The operation of bench/echo, written for the official runtime.
const { OperationHandlerSetup } = require('@trayio/cdk-dsl/connector/operation/OperationHandlerSetup');

exports.getThing = OperationHandlerSetup.configureHandler((handler) =>
  handler.usingHttp((http) =>
    http
      .get(`${process.env.THIRD_PARTY}/things/:id`)
      .handleRequest((_ctx, input, request) =>
        request.addPathParameter('id', input.thing_id).addQueryString('limit', `${input.limit}`).withoutBody()
      )
      .handleResponse((_ctx, _input, response) => response.parseWithBodyAsJson())
  )
);
