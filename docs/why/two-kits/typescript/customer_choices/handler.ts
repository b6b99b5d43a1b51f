import { OperationHandlerResult } from '@trayio/cdk-dsl/connector/operation/OperationHandler';
import { OperationHandlerSetup } from '@trayio/cdk-dsl/connector/operation/OperationHandlerSetup';
import { globalConfigHttp } from '../GlobalConfig';
import { ParseAuth } from '../ParseAuth';
import { CustomerChoicesInput } from './input';
import { CustomerChoicesOutput } from './output';

type Found = { results: { objectId: string; name: string; email?: string }[] };

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

export const customerChoicesHandler = OperationHandlerSetup.configureHandler<
  ParseAuth,
  CustomerChoicesInput,
  CustomerChoicesOutput
>((handler) =>
  handler.withGlobalConfiguration(globalConfigHttp).usingHttp((http) =>
    http
      .get('/classes/Customer')
      .handleRequest((_ctx, input, request) => {
        const where = input.search ? { name: { $regex: escaped(input.search), $options: 'i' } } : {};
        return request
          .addQueryString('where', JSON.stringify(where))
          .addQueryString('order', 'name')
          .addQueryString('limit', '100')
          .addQueryString('keys', 'name,email')
          .withoutBody();
      })
      .handleResponse((_ctx, _input, response) =>
        response.parseWithBodyAsJson<Found>((body) =>
          OperationHandlerResult.success({
            result: body.results.map((customer) => ({
              text: `${customer.name} (${customer.email ?? 'no e-mail'})`,
              value: customer.objectId,
            })),
          }),
        ),
      ),
  ),
);
