import {
  OperationHandlerError,
  OperationHandlerResult,
} from '@trayio/cdk-dsl/connector/operation/OperationHandler';
import { OperationHandlerSetup } from '@trayio/cdk-dsl/connector/operation/OperationHandlerSetup';
import { globalConfigHttp } from '../GlobalConfig';
import { ParseAuth } from '../ParseAuth';
import { CallFunctionInput } from './input';
import { CallFunctionOutput } from './output';

export const callFunctionHandler = OperationHandlerSetup.configureHandler<
  ParseAuth,
  CallFunctionInput,
  CallFunctionOutput
>((handler) =>
  handler.withGlobalConfiguration(globalConfigHttp).usingHttp((http) =>
    http
      .post('/functions/:name')
      .handleRequest((_ctx, input, request) =>
        request.addPathParameter('name', input.name).withBodyAsJson({ ...input.arguments }),
      )
      .handleResponse((_ctx, input, response) =>
        response
          .withErrorHandling(() => {
            const status = response.getStatusCode();
            if (status !== 429) {
              return OperationHandlerResult.failure(
                OperationHandlerError.apiError(`API returned a status code of ${status}`, { statusCode: status }),
              );
            }
            const seconds = Number(response.getHeader('retry-after') ?? 60);
            return OperationHandlerResult.failure(
              OperationHandlerError.apiError(
                `The app lets ${input.name} run only so often. Call it again in ${seconds} seconds.`,
                { statusCode: status },
              ),
            );
          })
          .parseWithBodyAsJson(),
      ),
  ),
);
