import { GetCustomerOutput } from '../get_customer/output';

export type ListCustomersOutput = {
  customers: GetCustomerOutput[];
};
