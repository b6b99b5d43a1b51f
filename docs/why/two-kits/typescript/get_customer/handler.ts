import { OperationHandlerSetup } from '@trayio/cdk-dsl/connector/operation/OperationHandlerSetup';
import { globalConfigHttp } from '../GlobalConfig';
import { ParseAuth } from '../ParseAuth';
import { GetCustomerInput } from './input';
import { GetCustomerOutput } from './output';

export const getCustomerHandler = OperationHandlerSetup.configureHandler<
  ParseAuth,
  GetCustomerInput,
  GetCustomerOutput
>((handler) =>
  handler.withGlobalConfiguration(globalConfigHttp).usingHttp((http) =>
    http
      .get('/classes/Customer/:id')
      .handleRequest((_ctx, input, request) => request.addPathParameter('id', input.customer_id).withoutBody())
      .handleResponse((_ctx, _input, response) => response.parseWithBodyAsJson()),
  ),
);
