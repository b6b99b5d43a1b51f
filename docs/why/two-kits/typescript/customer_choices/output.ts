import { DDLOperationOutput } from '@trayio/cdk-dsl/connector/operation/OperationHandler';

export type CustomerChoicesOutput = DDLOperationOutput<string>;
