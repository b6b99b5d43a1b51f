import { OperationGlobalConfigHttp } from '@trayio/cdk-dsl/connector/operation/OperationGlobalConfig';
import { ParseAuth } from './ParseAuth';

export const globalConfigHttp = OperationGlobalConfigHttp.create<ParseAuth>()
  .withBaseUrl((ctx) => `${ctx.auth!.user.server}/parse`)
  .addHeader((ctx) => ({ name: 'X-Parse-Application-Id', value: ctx.auth!.user.application }))
  .addHeader((ctx) => ({ name: 'X-Parse-REST-API-Key', value: ctx.auth!.user.api_key }));
