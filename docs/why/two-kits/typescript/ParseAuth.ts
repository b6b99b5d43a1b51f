import { TokenOperationHandlerAuth } from '@trayio/cdk-dsl/connector/operation/OperationHandler';

export type ParseAuth = TokenOperationHandlerAuth<{ api_key: string; server: string; application: string }, never>;
