import { OperationHandlerSetup } from '@trayio/cdk-dsl/connector/operation/OperationHandlerSetup';
import { globalConfigHttp } from '../GlobalConfig';
import { ParseAuth } from '../ParseAuth';
import { ListCustomersPageInput } from './input';
import { ListCustomersPageOutput } from './output';

export const listCustomersPageHandler = OperationHandlerSetup.configureHandler<
  ParseAuth,
  ListCustomersPageInput,
  ListCustomersPageOutput
>((handler) =>
  handler.withGlobalConfiguration(globalConfigHttp).usingHttp((http) =>
    http
      .get('/classes/Customer')
      .handleRequest((_ctx, input, request) =>
        request
          .addQueryString('order', 'name')
          .addQueryString('limit', `${input.size}`)
          .addQueryString('skip', `${input.skip}`)
          .withoutBody(),
      )
      .handleResponse((_ctx, _input, response) => response.parseWithBodyAsJson()),
  ),
);
