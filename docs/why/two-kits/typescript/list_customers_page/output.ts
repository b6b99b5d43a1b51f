import { GetCustomerOutput } from '../get_customer/output';

export type ListCustomersPageOutput = {
  results: GetCustomerOutput[];
};
