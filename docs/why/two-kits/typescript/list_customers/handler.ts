import { OperationHandlerResult } from '@trayio/cdk-dsl/connector/operation/OperationHandler';
import { OperationHandlerSetup } from '@trayio/cdk-dsl/connector/operation/OperationHandlerSetup';
import { GetCustomerOutput } from '../get_customer/output';
import { listCustomersPageHandler } from '../list_customers_page/handler';
import { ParseAuth } from '../ParseAuth';
import { ListCustomersInput } from './input';
import { ListCustomersOutput } from './output';

export const listCustomersHandler = OperationHandlerSetup.configureHandler<
  ParseAuth,
  ListCustomersInput,
  ListCustomersOutput
>((handler) =>
  handler.usingComposite(async (_ctx, { limit = 100, batch_size = 100 }, invoke) => {
    const size = Math.min(batch_size, limit);
    const customers: GetCustomerOutput[] = [];
    while (customers.length < limit) {
      const page = await invoke(listCustomersPageHandler)({ size, skip: customers.length });
      if (page.isFailure) {
        return page;
      }
      customers.push(...page.value.results);
      if (page.value.results.length < size) {
        break;
      }
    }
    return OperationHandlerResult.success({ customers: customers.slice(0, limit) });
  }),
);
